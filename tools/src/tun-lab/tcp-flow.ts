import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { XiaError } from 'xia-core';
import { requireTcpAlgorithm } from './tcp-algorithm.js';
import { SAMPLE_MS, type SinkCount, type SinkReady } from './tcp-messages.js';
import type { TunLab } from './tun-lab.js';

export interface TcpFlowOptions {
  /** A congestion control of the kernel: `cubic`, `bbr`, `reno`. */
  readonly algorithm: string;
  readonly seconds: number;
  /** What is left out of `steadyMbit`. Default 0. */
  readonly warmupSeconds?: number;
  /** Default left: it sends to the right. */
  readonly from?: 'left' | 'right';
}

export interface TcpFlowResult {
  readonly algorithm: string;
  readonly bytes: number;
  /** From the first byte that arrived to the last. */
  readonly seconds: number;
  /** Bytes of the application that arrived, in 10^6 bits a second: over the whole time, and after the warm-up. */
  readonly goodputMbit: number;
  readonly steadyMbit: number;
  /** Of each whole second. */
  readonly perSecondMbit: readonly number[];
}

/**
 * Lets a TCP connection of the kernel send as much as it can through the laboratory. Several may run at a time.
 * @throws XiaError `missing-prerequisite`, `testbed-failed`
 */
export async function runTcpFlow(lab: TunLab, options: TcpFlowOptions): Promise<TcpFlowResult> {
  const { algorithm, seconds, warmupSeconds = 0, from = 'left' } = options;
  await requireTcpAlgorithm(algorithm);
  const file = fileURLToPath(new URL('../../dist/tun-lab/tcp-end.js', import.meta.url));
  const [sender, receiver] = from === 'left' ? [lab.left, lab.right] : [lab.right, lab.left];
  const start = (end: typeof sender, ...args: readonly (string | number)[]) =>
    end.spawn(process.execPath, [file, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const sink = start(receiver, 'sink', receiver.address);
  const lines = createInterface(sink.stdout!)[Symbol.asyncIterator]();
  const { port } = (await nextLine(sink, lines)) as SinkReady;
  const source = start(sender, 'source', receiver.address, port, algorithm, seconds);
  const counted = nextLine(sink, lines) as Promise<SinkCount>;
  // A source that fails leaves the sink waiting.
  const failed = failureOf(source);
  failed.catch(() => {});
  try {
    return flowResult(algorithm, await Promise.race([counted, failed]), warmupSeconds);
  } finally {
    counted.catch(() => {});
    sink.kill();
    source.kill();
  }
}

/** The rates of what a sink has counted. */
export function flowResult(algorithm: string, { bytes, seconds, samples }: SinkCount, warmupSeconds: number): TcpFlowResult {
  const perSecond = 1000 / SAMPLE_MS;
  const sum = (from: number, to: number) => samples.slice(from, to).reduce((total, count) => total + count, 0);
  const mbit = (count: number, time: number) => (time > 0 ? (count * 8) / time / 1e6 : 0);
  const warmup = Math.round(warmupSeconds * perSecond);
  return {
    algorithm,
    bytes,
    seconds,
    goodputMbit: mbit(bytes, seconds),
    steadyMbit: mbit(sum(warmup, samples.length), seconds - warmupSeconds),
    perSecondMbit: Array.from({ length: Math.floor(seconds) }, (_, at) => mbit(sum(at * perSecond, (at + 1) * perSecond), 1)),
  };
}

async function nextLine(child: ChildProcess, lines: AsyncIterator<string>): Promise<unknown> {
  const { value, done } = await lines.next();
  if (done !== true) return JSON.parse(value);
  throw new XiaError('testbed-failed', `a process of the kernel's TCP ended early (exit code ${child.exitCode})`);
}

/** Never resolves. */
async function failureOf(child: ChildProcess): Promise<never> {
  let said = '';
  child.stderr?.on('data', (piece: Buffer) => (said += piece.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new XiaError('testbed-failed', `the sender of the kernel's TCP failed: ${said.trim()}`);
  return new Promise(() => {});
}
