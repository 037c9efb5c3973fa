import * as v from 'valibot';
import { XiaError } from 'xia-core';
import type { EchoPoint } from '../report/index.js';
import type { JsonLine } from './client.js';

const startSchema = v.object({ startedAtMs: v.number(), intervalMs: v.number() });
const replySchema = v.object({ sequence: v.number(), sentMs: v.number(), rttMs: v.number() });

const pingSummarySchema = v.object({
  sent: v.number(),
  received: v.number(),
  lost: v.number(),
  pending: v.number(),
  intervalMs: v.number(),
  downtimeMs: v.number(),
  deviationMs: v.number(),
  rttMs: v.optional(v.object({ min: v.number(), avg: v.number(), max: v.number() })),
});
export type PingResult = v.InferOutput<typeof pingSummarySchema>;

const askSummarySchema = v.object({
  questions: v.number(),
  answers: v.number(),
  wrong: v.number(),
  missing: v.number(),
  resets: v.number(),
  reconnects: v.number(),
  longestGapMs: v.number(),
});
export type AskResult = v.InferOutput<typeof askSummarySchema>;

function summaryOf<const Schema extends v.GenericSchema>(lines: readonly JsonLine[], schema: Schema, what: string): v.InferOutput<Schema> {
  const summary = lines.find((line) => line.type === 'summary');
  const checked = v.safeParse(schema, summary);
  if (checked.success) return checked.output;
  throw new XiaError('testbed-failed', `${what} did not say its summary`);
}

/** The summary of an xping, or of the datagram echo client, which counts alike. */
export function pingResult(lines: readonly JsonLine[], what = 'xping'): PingResult {
  return summaryOf(lines, pingSummarySchema, what);
}

export function askResult(lines: readonly JsonLine[]): AskResult {
  return summaryOf(lines, askSummarySchema, 'xcal');
}

/** The echoes of an xping on another clock, in order; those without an answer that had the time to come are the lost ones. */
export function echoPoints(lines: readonly JsonLine[], zeroWallMs: number): EchoPoint[] {
  const { startedAtMs, intervalMs } = v.parse(
    startSchema,
    lines.find((line) => line.type === 'start'),
  );
  const { sent, pending } = pingResult(lines);
  const points: { atMs: number; rttMs: number | undefined }[] = [];
  for (let sequence = 0; sequence < sent - pending; sequence++)
    points.push({ atMs: startedAtMs + sequence * intervalMs - zeroWallMs, rttMs: undefined });
  for (const line of lines) {
    if (line.type !== 'reply') continue;
    const { sequence, sentMs, rttMs } = v.parse(replySchema, line);
    if (points[sequence] !== undefined) points[sequence] = { atMs: startedAtMs + sentMs - zeroWallMs, rttMs };
  }
  return points;
}
