import { XiaError } from 'xia-core';
import type { EndProcess, PartProcess } from './parts.js';

/** One transfer. */
export interface TransferRun {
  readonly gigabytesPerSecond: number;
  /** CPU seconds by gigabyte, all processes together. */
  readonly cpuSecondsPerGigabyte: number;
  readonly cpuByProcess: Readonly<Record<string, number>>;
}

export interface TransferSetup {
  readonly source: EndProcess;
  readonly sink: EndProcess;
  /** Everything that works for it, by its name in the report, the ends included. */
  readonly parts: Readonly<Record<string, PartProcess>>;
}

export interface TransferSize {
  /** Carried first, so that code is compiled and windows are open. */
  readonly warmUpBytes: number;
  readonly bytes: number;
}

const SLOWEST_BYTES_PER_MS = 2000;
const LEAST_TIMEOUT_MS = 20_000;

/** Carries some bytes, all of which are compared, and measures it. @throws XiaError `testbed-failed` */
export async function measureTransfer(setup: TransferSetup, { warmUpBytes, bytes }: TransferSize): Promise<TransferRun> {
  await carry(setup, warmUpBytes);
  const before = await cpuOf(setup);
  const begin = performance.now();
  await carry(setup, bytes);
  const seconds = (performance.now() - begin) / 1000;
  const after = await cpuOf(setup);
  const gigabytes = bytes / 1e9;
  const cpuByProcess = Object.fromEntries(Object.keys(before).map((name) => [name, (after[name]! - before[name]!) / gigabytes]));
  return {
    gigabytesPerSecond: gigabytes / seconds,
    cpuSecondsPerGigabyte: Object.values(cpuByProcess).reduce((sum, one) => sum + one, 0),
    cpuByProcess,
  };
}

async function carry({ source, sink }: TransferSetup, bytes: number): Promise<void> {
  if (bytes === 0) return;
  const done = sink.done(LEAST_TIMEOUT_MS + bytes / SLOWEST_BYTES_PER_MS);
  sink.order({ bytes });
  source.order({ bytes });
  const { wrong } = await source.orEnd(done, LEAST_TIMEOUT_MS + bytes / SLOWEST_BYTES_PER_MS);
  if (wrong > 0) throw new XiaError('testbed-failed', `${wrong} pieces arrived other than they were sent`, { wrong });
}

async function cpuOf({ parts }: TransferSetup): Promise<Record<string, number>> {
  const entries = await Promise.all(Object.entries(parts).map(async ([name, part]) => [name, await part.cpuSeconds()] as const));
  return Object.fromEntries(entries);
}
