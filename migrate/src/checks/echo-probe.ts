import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureFilter, type Dag, type XiaNode } from 'xia-core';

const ECHOES = 5;
const FIRST_TIMEOUT_MS = 3000;
const SPACING_MS = 10;
/** Nothing came for so long, and four round trips: nothing more will. */
const QUIET_MS = 300;
/** Sizes that paths have: IPv6's least, Ethernet's with and without UDP, jumbo frames, loopback. */
const USUAL_SIZES = [576, 1280, 1472, 1500, 4096, 9000, 16_000, 32_000, 65_000];
const STEPS = 8;
const ROUNDS = 3;
/** Each size is tried twice: one may be lost by chance. */
const TRIES = 2;

export interface EchoFigures {
  /** The shortest of some echoes, milliseconds. */
  readonly roundTripMs: number;
  readonly lost: number;
  readonly sent: number;
  /** The largest XIP packet that came back whole, bytes; within some bytes of the largest that can. */
  readonly packetBytes: number;
}

/**
 * Sends echoes from a node to an address: small ones, then ever larger ones.
 * @returns undefined when nobody answers
 */
export async function probeEchoes(node: XiaNode, to: Dag, signal?: AbortSignal): Promise<EchoFigures | undefined> {
  const answered = new Map<number, number>();
  let sequence = 0;
  let leftBytes = 0;
  let heardAtMs = 0;
  const stop = node.capture(({ length }) => (leftBytes = length), { filter: CaptureFilter.parse('out xcmp'), snaplen: 64 });
  await using echo = node.echo();
  echo.on('reply', ({ kind, sequence: number, rttMs, intact }) => {
    if (kind !== 'reply' || !intact) return;
    answered.set(number, rttMs ?? Infinity);
    heardAtMs = performance.now();
  });
  const waitFor = async (numbers: readonly number[], quietMs: number) => {
    heardAtMs = performance.now();
    while (!numbers.every((number) => answered.has(number)) && performance.now() - heardAtMs < quietMs) {
      signal?.throwIfAborted();
      await sleep(2);
    }
  };
  try {
    const first = sequence++;
    echo.send(to, { sequence: first });
    // The way may have to be found first.
    await waitFor([first], FIRST_TIMEOUT_MS / 2);
    if (!answered.has(first)) echo.send(to, { sequence: first });
    await waitFor([first], FIRST_TIMEOUT_MS / 2);
    const small: number[] = [];
    for (let count = 0; count < ECHOES; count++) {
      small.push(sequence);
      echo.send(to, { sequence: sequence++ });
      await sleep(SPACING_MS);
    }
    await waitFor(small, QUIET_MS + 2 * (answered.get(first) ?? 0));
    const times = small.flatMap((number) => answered.get(number) ?? []);
    if (times.length === 0) return undefined;
    const roundTripMs = Math.min(...times);
    const headerBytes = leftBytes - 56;
    const passes = async (sizes: readonly number[]) => {
      const bySize = new Map(sizes.map((size) => [size, Array.from({ length: TRIES }, () => sequence++)] as const));
      for (const [size, numbers] of bySize) for (const number of numbers) echo.send(to, { sequence: number, size: size - headerBytes });
      await waitFor([...bySize.values()].flat(), QUIET_MS + 4 * Math.max(...times));
      return new Set(sizes.filter((size) => bySize.get(size)!.some((number) => answered.has(number))));
    };
    const packetBytes = await largestThatPasses(leftBytes, passes);
    return { roundTripMs, lost: small.length - times.length, sent: small.length, packetBytes };
  } finally {
    stop();
  }
}

/**
 * Narrows down the largest size that passes: usual sizes first, then ever finer steps between the largest that did and the next
 * that did not.
 */
export async function largestThatPasses(
  knownBytes: number,
  passes: (sizes: readonly number[]) => Promise<ReadonlySet<number>>,
): Promise<number> {
  let least = knownBytes;
  let sizes = USUAL_SIZES.filter((size) => size > least);
  for (let round = 0; round < ROUNDS && sizes.length > 0; round++) {
    const passed = await passes(sizes);
    least = Math.max(least, ...passed);
    const above = sizes.find((size) => size > least);
    if (above === undefined) return least;
    const step = (above - least) / (STEPS + 1);
    sizes = [...new Set(Array.from({ length: STEPS }, (_, index) => Math.round(least + step * (index + 1))))].filter(
      (size) => size > least && size < above,
    );
  }
  return least;
}
