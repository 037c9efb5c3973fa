import { setTimeout as delay } from 'node:timers/promises';
import { LineSplitter, type XiaNode, type XiaStream } from 'xia-core';
import { serviceAt } from '../common/addresses.js';
import { microseconds, Stopwatch, writeJsonLine } from '../common/json-output.js';
import { SendSchedule } from '../xping/schedule.js';
import { AnswerChecker, type AnswerCounts, type CheckedAnswer } from './answer-checker.js';
import { SID_XCAL } from './service-sids.js';

export interface AskOptions {
  readonly host: string;
  readonly intervalMs: number;
  readonly count: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

export interface AskSummary extends AnswerCounts {
  /** Times that the stream broke and another one was opened. */
  readonly reconnects: number;
  /** The longest time between two answers. */
  readonly longestGapMs: number;
  readonly maxRttMs: number;
}

const LARGEST_LINE_BYTES = 256;
/** Questions on their way; while the service is away they wait in the stream, and no more than this many. */
const MAXIMUM_OUTSTANDING = 2000;
const RECONNECT_PAUSE_MS = 200;
const SETTLE_MS = 3000;
const POLL_MS = 5;

/** Asks on one stream until it is done or stopped; opens another one, and counts that, only when the first breaks. */
export async function ask(node: XiaNode, options: AskOptions): Promise<AskSummary> {
  const { signal } = options;
  const checker = new AnswerChecker();
  const clock = new Stopwatch();
  let connections = 0;
  let lastAnswerMs: number | undefined;
  let longestGapMs = 0;
  let maxRttMs = 0;
  let schedule = new SendSchedule(clock.now(), options.intervalMs);
  const done = () => signal.aborted || (options.count !== undefined && checker.counts.questions >= options.count);

  while (!done()) {
    let stream: XiaStream;
    try {
      const target = serviceAt(await node.resolve(options.host, { signal }), SID_XCAL);
      stream = await node.connect(target, { signal });
    } catch (error) {
      if (connections === 0 || signal.aborted) throw error;
      await delay(RECONNECT_PAUSE_MS, undefined, { signal }).catch(() => {});
      continue;
    }
    connections++;
    note('connected', { connectionId: String(stream.connectionId), peer: stream.peerDag.toString() });
    schedule = new SendSchedule(clock.now(), options.intervalMs);
    const error = await useStream(stream);
    checker.giveUp();
    if (error !== undefined) note('disconnected', { reason: error });
  }
  const summary = {
    ...checker.counts,
    reconnects: Math.max(0, connections - 1),
    longestGapMs: microseconds(longestGapMs),
    maxRttMs: microseconds(maxRttMs),
  };
  if (options.json) writeJsonLine({ type: 'summary', host: options.host, elapsedMs: microseconds(clock.now()), ...summary });
  else process.stdout.write(summaryText(options.host, summary));
  return summary;

  function note(type: string, fields: object): void {
    const now = clock.now();
    if (options.json) writeJsonLine({ type, atMs: microseconds(now), wallMs: clock.wallMs(now), ...fields });
    else if (!options.quiet) process.stdout.write(`${type}: ${Object.values(fields).join(' ')}\n`);
  }

  function take(line: string): void {
    const now = clock.now();
    const checked: CheckedAnswer = checker.answer(line);
    const rttMs = checked.sentMs === undefined ? undefined : now - checked.sentMs;
    if (lastAnswerMs !== undefined) longestGapMs = Math.max(longestGapMs, now - lastAnswerMs);
    lastAnswerMs = now;
    maxRttMs = Math.max(maxRttMs, rttMs ?? 0);
    if (options.json) {
      const times = { atMs: microseconds(now), wallMs: clock.wallMs(now), rttMs: microseconds(rttMs ?? 0) };
      writeJsonLine({
        type: 'answer',
        question: checked.question,
        ok: checked.ok,
        reason: checked.reason,
        counter: checked.counter,
        startId: checked.startId,
        ...times,
      });
    } else if (!checked.ok) {
      process.stdout.write(`WRONG: ${JSON.stringify(line)}: ${checked.reason}\n`);
    } else if (!options.quiet) {
      process.stdout.write(`${line}  (${(rttMs ?? 0).toFixed(3)} ms)\n`);
    }
  }

  /** Gives the reason when the stream broke rather than being done. */
  async function useStream(stream: XiaStream): Promise<string | undefined> {
    let broken: string | undefined;
    const splitter = new LineSplitter(LARGEST_LINE_BYTES);
    stream.on('error', (error: Error) => (broken ??= error.message));
    stream.on('close', () => (broken ??= 'closed'));
    stream.on('end', () => (broken ??= 'the service ended the stream'));
    stream.on('data', (piece: Buffer) => {
      const lines = splitter.push(piece);
      if (lines === 'too-long') stream.destroy(new Error('an answer without an end'));
      else for (const line of lines) take(line);
    });
    while (broken === undefined && !done()) {
      const now = clock.now();
      if (checker.outstanding < MAXIMUM_OUTSTANDING && schedule.take(now)) stream.write(`${checker.ask(now)}\n`);
      else await delay(Math.max(1, Math.floor(Math.min(schedule.nextMs - now, 1000))), undefined, { signal }).catch(() => {});
    }
    const until = clock.now() + SETTLE_MS;
    while (broken === undefined && checker.outstanding > 0 && clock.now() < until) await delay(POLL_MS);
    const reason = broken;
    stream.end();
    if (reason === undefined) await closed(stream);
    stream.destroy();
    return reason;
  }
}

/** Lets the other side know that this was all, but does not wait for a silent one. */
async function closed(stream: XiaStream): Promise<void> {
  await Promise.race([new Promise<void>((resolve) => stream.once('close', resolve)), delay(500, undefined, { ref: false })]);
}

function summaryText(host: string, summary: AskSummary): string {
  return (
    `\n----${host} xcal----\n${summary.questions} questions, ${summary.answers} answers, ${summary.wrong} wrong, ${summary.missing} missing, ` +
    `${summary.reconnects} reconnects, ${summary.resets} resets\nlongest time without an answer ${summary.longestGapMs.toFixed(1)} ms\n`
  );
}
