import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { attachFace, readU48BE, XiaError, XiaNode, Xid } from 'xia-core';
import { serviceAt } from '../common/addresses.js';
import { SendSchedule } from '../xping/schedule.js';
import { BulkOrder, REPORT_BYTES, REPORT_MS, SID_BULK, writeAsFastAsItGoes } from './bulk-service.js';
import { flowDatagram, flowQuestion, parseFlowAccount, SID_FLOW, type FlowAccount } from './flow-sink.js';
import type { BulkResult, FlowResult, LoadMessage, LoadOrder } from './load-messages.js';
import type { Progress } from './throughput.js';
import { wallNow } from './wall-clock.js';

// A node that sends datagrams or bytes to a machine, apart from the process that moves it: what that one is told must not wait.

const QUESTION_MS = 200;
const QUESTIONS = 100;

function tell(message: LoadMessage): void {
  process.send?.(message);
}

async function flow(node: XiaNode, order: LoadOrder & { kind: 'flow' }, stop: AbortSignal): Promise<FlowResult> {
  const { host, flow: number, intervalMs, sizeBytes } = order;
  const target = serviceAt(await node.resolve(host), SID_FLOW);
  await using socket = node.datagram();
  const sentMs: number[] = [];
  const schedule = new SendSchedule(performance.now(), intervalMs);
  tell({ kind: 'running' });
  while (!stop.aborted) {
    const now = performance.now();
    if (schedule.take(now)) socket.send(target, flowDatagram(number, sentMs.push(wallNow()) - 1, sizeBytes));
    else await delay(Math.max(1, Math.floor(schedule.nextMs - now)));
  }
  let account: FlowAccount | undefined;
  socket.on('message', (bytes) => {
    const answer = parseFlowAccount(bytes);
    if (answer?.flow === number) account = answer;
  });
  // What is under way has the first time between two questions to arrive.
  for (let question = 0; question < QUESTIONS && account === undefined; question++) {
    await delay(QUESTION_MS);
    socket.send(target, flowQuestion(number, sentMs.length));
  }
  if (account === undefined) throw new XiaError('timeout', `${host} does not say what it has received`);
  const { received, duplicates, lost, missing } = account;
  const missingSentMs = missing.flatMap(([from, to]) => sentMs.slice(from, to + 1));
  return { kind: 'flow', sent: sentMs.length, received, duplicates, lost, missingSentMs };
}

async function bulk(node: XiaNode, { host, machineSends }: LoadOrder & { kind: 'bulk' }, stop: AbortSignal): Promise<BulkResult> {
  const stream = await node.connect(serviceAt(await node.resolve(host), SID_BULK));
  const samples: Progress[] = [];
  let bytes = 0;
  let report = Buffer.alloc(0);
  stream.write(Uint8Array.of(machineSends ? BulkOrder.SERVER_SENDS : BulkOrder.CLIENT_SENDS));
  stream.on('data', (piece: Buffer) => {
    if (machineSends) {
      bytes += piece.length;
      return;
    }
    report = Buffer.concat([report, piece]);
    for (; report.length >= REPORT_BYTES; report = report.subarray(REPORT_BYTES))
      samples.push({ atMs: wallNow(), bytes: readU48BE(report, 0) });
  });
  const timer = setInterval(() => machineSends && samples.push({ atMs: wallNow(), bytes }), REPORT_MS);
  if (!machineSends) void writeAsFastAsItGoes(stream);
  tell({ kind: 'running' });
  try {
    await Promise.race([once(stop, 'abort'), once(stream, 'close')]);
    if (!stop.aborted) throw new XiaError('connection-closed', 'the stream did not survive the move');
  } finally {
    clearInterval(timer);
    stream.destroy();
  }
  return { kind: 'bulk', samples };
}

async function main(): Promise<void> {
  const node = await XiaNode.start({
    role: 'application',
    faces: [attachFace(process.env['XIA_HOST'] ?? '')],
    trustedAds: (process.env['XIA_TRUST'] ?? '').split(',').map((ad) => Xid.parse(ad)),
  });
  let stop = new AbortController();
  process.on('message', (order: LoadOrder) => {
    if (order.kind === 'stop') return stop.abort();
    stop = new AbortController();
    const doing = order.kind === 'flow' ? flow(node, order, stop.signal) : bulk(node, order, stop.signal);
    doing.then(tell, (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    });
  });
  process.once('disconnect', () => void node.close().then(() => process.exit(0)));
  tell({ kind: 'attached' });
}

await main();
