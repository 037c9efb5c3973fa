import { setTimeout as delay } from 'node:timers/promises';
import { XiaError, type Dag, type XiaNode } from 'xia-core';
import { microseconds, Stopwatch, writeJsonLine } from '../common/json-output.js';
import { formatMs, summaryText } from './print.js';
import { SendSchedule } from './schedule.js';
import { AnswerKind, PingStatistics, type PingSummary } from './statistics.js';

export interface PingOptions {
  /** What the user called the target, for the closing lines. */
  readonly host: string;
  readonly target: Dag;
  readonly intervalMs: number;
  /** Bytes of data in an echo; 8 bytes of XCMP header are added. */
  readonly sizeBytes: number;
  /** Stop after this many echoes. */
  readonly count: number | undefined;
  readonly preload: number;
  /** Give up when nothing at all was answered for this long. */
  readonly timeoutMs: number | undefined;
  readonly output: 'text' | 'json' | 'quiet' | 'flood';
  readonly verbose: boolean;
  readonly signal: AbortSignal;
}

const SHORTEST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 10_000;
/** After Ctrl-C nobody wants to wait for long; an echo this young is still under way, not lost. */
const LONGEST_WAIT_AFTER_STOP_MS = 1000;
const POLL_MS = 5;

/** Sends echoes until it is done or stopped, prints what comes back and the summary, and gives the summary. */
export async function ping(node: XiaNode, options: PingOptions): Promise<PingSummary> {
  const { intervalMs, target, output, signal } = options;
  const statistics = new PingStatistics(intervalMs);
  const clock = new Stopwatch();
  const echo = node.echo();
  const json = output === 'json';

  echo.on('reply', (reply) => {
    const now = clock.now();
    const sequence = statistics.expand(reply.sequence);
    const sentMs = statistics.sentAt(sequence);
    const from = reply.from.toString();
    if (reply.kind !== 'reply') {
      statistics.error();
      if (json) writeJsonLine({ type: 'error', sequence, kind: reply.kind, from, arrivedMs: microseconds(now), wallMs: clock.wallMs(now) });
      else if (output === 'text') process.stdout.write(`${reply.bytes} bytes from ${from}: icmp_seq=${sequence} (${reply.kind})\n`);
      else if (output === 'flood') process.stdout.write('!');
      return;
    }
    const kind = statistics.answer(sequence, now);
    if (json && sentMs !== undefined) {
      writeJsonLine({
        type: kind === AnswerKind.NEW ? 'reply' : 'duplicate',
        sequence,
        sentMs: microseconds(sentMs),
        arrivedMs: microseconds(now),
        rttMs: microseconds(now - sentMs),
        wallMs: clock.wallMs(now),
        bytes: reply.bytes,
        intact: reply.intact,
        from,
      });
    } else if (output === 'flood') {
      process.stdout.write('\b \b');
    } else if (output === 'text' && (kind === AnswerKind.NEW || options.verbose)) {
      const time = sentMs === undefined ? '?' : formatMs(now - sentMs);
      const remark = (kind === AnswerKind.NEW ? '' : ` (${kind})`) + (reply.intact ? '' : ' (damaged)');
      process.stdout.write(`${reply.bytes} bytes from ${from}: icmp_seq=${sequence} time=${time} ms${remark}\n`);
    }
  });

  if (json) {
    writeJsonLine({
      type: 'start',
      host: options.host,
      target: target.toString(),
      source: node.dag().toString(),
      intervalMs,
      sizeBytes: options.sizeBytes,
      startedAtMs: clock.startedAtMs,
    });
  } else {
    process.stdout.write(`PING ${target.toString()}: ${options.sizeBytes} data bytes\n`);
  }

  const timedOut = await sendAll();
  const summary = await settle(timedOut);
  await echo.close();
  if (json)
    writeJsonLine({
      type: 'summary',
      host: options.host,
      target: target.toString(),
      intervalMs,
      elapsedMs: microseconds(clock.now()),
      ...summary,
    });
  else process.stdout.write(summaryText(options.host, summary));
  if (timedOut) throw new XiaError('unreachable', `${options.host}: no answer within ${(options.timeoutMs ?? 0) / 1000} s`);
  return summary;

  /** Gives true when it gave up because nothing was answered. */
  async function sendAll(): Promise<boolean> {
    const schedule = new SendSchedule(clock.now(), intervalMs, options.preload);
    while (!signal.aborted && (options.count === undefined || statistics.sent < options.count)) {
      const now = clock.now();
      if (options.timeoutMs !== undefined && statistics.received === 0 && now > options.timeoutMs) return true;
      if (schedule.take(now)) {
        // What the node cannot send at this moment is lost like any other packet: that is what is being measured.
        echo.send(target, { sequence: statistics.send(now) & 0xffff, size: options.sizeBytes });
        if (output === 'flood') process.stdout.write('.');
        continue;
      }
      // Timers count in whole milliseconds and may fire early; the rest is made up on the next turn.
      await delay(Math.max(1, Math.floor(schedule.nextMs - now)), undefined, { signal }).catch(() => {});
    }
    return false;
  }

  /** Waits for answers that are still under way, then closes the account. */
  async function settle(gaveUp: boolean): Promise<PingSummary> {
    const stopped = signal.aborted;
    const usual = statistics.received === 0 ? LONGEST_WAIT_MS : Math.max(SHORTEST_WAIT_MS, 2 * statistics.maxRttMs);
    const limit = Math.min(usual, options.timeoutMs ?? Infinity, LONGEST_WAIT_MS);
    const waitMs = gaveUp ? 0 : stopped ? Math.min(2 * statistics.maxRttMs, LONGEST_WAIT_AFTER_STOP_MS) : limit;
    const lastSentMs = statistics.sentAt(statistics.sent - 1) ?? clock.now();
    while (!statistics.settled && clock.now() < lastSentMs + waitMs && (stopped || !signal.aborted)) await delay(POLL_MS);
    return statistics.summary(clock.now(), stopped ? Math.min(LONGEST_WAIT_AFTER_STOP_MS, 2 * statistics.maxRttMs) : 0);
  }
}
