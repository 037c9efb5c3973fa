import { setTimeout as delay } from 'node:timers/promises';
import { readU32BE, writeU32BE, type XiaNode } from 'xia-core';
import { serviceAt } from '../common/addresses.js';
import { microseconds, Stopwatch, writeJsonLine } from '../common/json-output.js';
import { summaryText } from '../xping/print.js';
import { SendSchedule } from '../xping/schedule.js';
import { AnswerKind, PingStatistics, type PingSummary } from '../xping/statistics.js';
import { SID_ECHO } from './service-sids.js';

export interface EchoOptions {
  readonly host: string;
  readonly intervalMs: number;
  readonly count: number | undefined;
  readonly sizeBytes: number;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

const SETTLE_MS = 1000;
const POLL_MS = 5;
const SEQUENCE_BYTES = 4;

/** A datagram that says its sequence, and whose other bytes follow from it. */
function datagramOf(sequence: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(SEQUENCE_BYTES, sizeBytes)).fill(sequence & 0xff);
  writeU32BE(bytes, 0, sequence);
  return bytes;
}

/** Sends datagrams to the echo service and counts those that come back unchanged. */
export async function echoDatagrams(node: XiaNode, options: EchoOptions): Promise<PingSummary & { damaged: number }> {
  const { signal, intervalMs, sizeBytes } = options;
  const target = serviceAt(await node.resolve(options.host, { signal }), SID_ECHO);
  const clock = new Stopwatch();
  const statistics = new PingStatistics(intervalMs);
  const socket = node.datagram();
  let damaged = 0;
  socket.on('message', (bytes) => {
    const now = clock.now();
    const sequence = bytes.length >= SEQUENCE_BYTES ? readU32BE(bytes, 0) : -1;
    if (Buffer.compare(bytes, datagramOf(sequence, sizeBytes)) !== 0) {
      damaged++;
      return;
    }
    const sentMs = statistics.sentAt(sequence);
    const kind = statistics.answer(sequence, now);
    if (options.json && kind === AnswerKind.NEW && sentMs !== undefined) {
      writeJsonLine({
        type: 'reply',
        sequence,
        sentMs: microseconds(sentMs),
        arrivedMs: microseconds(now),
        rttMs: microseconds(now - sentMs),
        wallMs: clock.wallMs(now),
      });
    }
  });
  if (options.json)
    writeJsonLine({ type: 'start', host: options.host, target: target.toString(), intervalMs, startedAtMs: clock.startedAtMs });
  const schedule = new SendSchedule(clock.now(), intervalMs);
  while (!signal.aborted && (options.count === undefined || statistics.sent < options.count)) {
    const now = clock.now();
    if (schedule.take(now)) socket.send(target, datagramOf(statistics.send(now), sizeBytes));
    else await delay(Math.max(1, Math.floor(schedule.nextMs - now)), undefined, { signal }).catch(() => {});
  }
  const until = clock.now() + SETTLE_MS;
  while (!statistics.settled && clock.now() < until) await delay(POLL_MS);
  await socket.close();
  const summary = { ...statistics.summary(clock.now(), signal.aborted ? SETTLE_MS : 0), damaged };
  if (options.json) writeJsonLine({ type: 'summary', host: options.host, intervalMs, elapsedMs: microseconds(clock.now()), ...summary });
  else process.stdout.write(summaryText(options.host, summary).replace('PING', 'DGRAM echo'));
  return summary;
}
