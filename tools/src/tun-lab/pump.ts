// A process of its own: carries packets between two tun interfaces as an emulated link does.
import { performance } from 'node:perf_hooks';
import { SeededRandom, XiaError } from 'xia-core';
import { goFirst, LinkDirection } from '../emulated-link/index.js';
import { removeNamespace } from './namespaces.js';
import type { PumpAnswer, PumpReport, PumpRequest } from './pump-messages.js';
import { loadTunCalls, pollSet, type TunCalls } from './system-calls.js';

/** For packets of 1500 bytes. */
const BUFFER_BYTES = 2048;
/** Packets that are read from one side before the other has its turn. */
const MOST_READS = 64;
/** How long the loop runs before it looks for messages. */
const SLICE_MS = 10;
/** Packets that are due within this time leave together. */
const TOGETHER_MS = 0.05;

class Pump {
  readonly #calls: TunCalls;
  readonly #descriptors: readonly [number, number];
  readonly #directions: readonly [LinkDirection, LinkDirection];
  readonly #free: Uint8Array[] = [];
  readonly #polled: Uint8Array;
  readonly #deliver: readonly ((packet: Uint8Array) => void)[];
  #buffer: Uint8Array = new Uint8Array(BUFFER_BYTES);
  #refused = 0;
  #readAtMs = performance.now();
  #longestPauseMs = 0;

  constructor(calls: TunCalls, descriptors: readonly [number, number], directions: readonly [LinkDirection, LinkDirection]) {
    this.#calls = calls;
    this.#descriptors = descriptors;
    this.#directions = directions;
    this.#polled = pollSet(descriptors);
    // What was read from one side is written to the other.
    this.#deliver = [1, 0].map((to) => (packet) => this.#write(descriptors[to]!, packet));
  }

  get directions(): readonly [LinkDirection, LinkDirection] {
    return this.#directions;
  }

  report(): PumpReport {
    const [there, back] = this.#directions;
    const { user, system } = process.cpuUsage();
    return {
      there: there.report(),
      back: back.report(),
      refused: this.#refused,
      longestPauseMs: this.#longestPauseMs,
      cpuSeconds: (user + system) / 1e6,
    };
  }

  /** Runs for good, with a moment for messages between slices. */
  readonly slice = (): void => {
    const endMs = performance.now() + SLICE_MS;
    let now = performance.now();
    while (now < endMs) {
      const dueMs = Math.min(this.#directions[0].nextMs, this.#directions[1].nextMs, endMs);
      this.#calls.wait(this.#polled, dueMs - now);
      now = performance.now();
      this.#longestPauseMs = Math.max(this.#longestPauseMs, now - this.#readAtMs);
      this.#readAtMs = now;
      for (let side = 0; side < 2; side++) this.#readAll(side, now);
      for (let side = 0; side < 2; side++) this.#directions[side]!.release(now, now + TOGETHER_MS, this.#deliver[side]!);
      now = performance.now();
    }
    setImmediate(this.slice);
  };

  #readAll(side: number, now: number): void {
    const fd = this.#descriptors[side]!;
    const direction = this.#directions[side]!;
    for (let count = 0; count < MOST_READS; count++) {
      const bytes = this.#calls.read(fd, this.#buffer);
      if (bytes <= 0) return;
      if (direction.take(this.#buffer.subarray(0, bytes), now)) this.#buffer = this.#free.pop() ?? new Uint8Array(BUFFER_BYTES);
    }
  }

  #write(fd: number, packet: Uint8Array): void {
    if (!this.#calls.write(fd, packet, packet.length)) this.#refused++;
    // A copy of a packet has a buffer of its own, of its size.
    if (packet.buffer.byteLength === BUFFER_BYTES) this.#free.push(new Uint8Array(packet.buffer));
  }
}

const namespaces = process.argv.slice(2);
let calls: TunCalls | undefined;
let descriptors: [number, number] | undefined;
let pump: Pump | undefined;

async function handle(request: PumpRequest): Promise<PumpReport | undefined> {
  switch (request.kind) {
    case 'open': {
      goFirst();
      calls = await loadTunCalls();
      descriptors = [calls.openTun(request.names[0]), calls.openTun(request.names[1])];
      return undefined;
    }
    case 'start': {
      const random = new SeededRandom(request.seed);
      const began = performance.now();
      const seeds = [random.below(2 ** 32), random.below(2 ** 32)] as const;
      const directions = [
        new LinkDirection(request.there, new SeededRandom(seeds[0]), began),
        new LinkDirection(request.back, new SeededRandom(seeds[1]), began),
      ] as const;
      pump = new Pump(calls!, descriptors!, directions);
      pump.slice();
      return undefined;
    }
    case 'reshape': {
      pump!.directions[0].reshape(request.there);
      pump!.directions[1].reshape(request.back);
      return undefined;
    }
    case 'report':
      return pump!.report();
  }
}

process.on('message', (request: PumpRequest) => {
  handle(request).then(
    (report) => process.send?.({ ok: true, ...(report === undefined ? {} : { report }) } satisfies PumpAnswer),
    (error: unknown) => {
      const code = error instanceof XiaError ? error.code : 'testbed-failed';
      process.send?.({ ok: false, code, message: (error as Error).message } satisfies PumpAnswer);
    },
  );
});
// Whoever started us is gone, perhaps killed: nothing of the laboratory stays.
function leave(): void {
  void Promise.all(namespaces.map(removeNamespace)).finally(() => process.exit());
}
process.once('disconnect', leave);
// It may have happened while this was loaded.
if (!process.connected) leave();
