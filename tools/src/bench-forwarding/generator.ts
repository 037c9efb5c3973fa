// A process of its own: sends what it is told to, at the pace at which the sink receives.
import { createHash } from 'node:crypto';
import { encodeChunkResponseHeader, writeU16BE, writeU32BE } from 'xia-core';
import type { Listening, LoadMark, LoadOrder, Traffic } from './load-messages.js';
import { cutInto, RawUdp } from './raw-udp.js';

/** Without a word from the sink for so long, what is under way counts as lost. */
const LOST_MS = 20;
const LIFETIME_SECONDS = 3600;

/** Puts the next packets on the wire and returns how many. */
type SendNext = (socket: RawUdp) => number;

function transit({ packet, run }: Extract<Traffic, { kind: 'transit' }>): SendNext {
  const bytes = new Uint8Array(packet.length * run);
  for (let n = 0; n < run; n++) bytes.set(packet, n * packet.length);
  return (socket) => (socket.send(bytes) ? run : 0);
}

function chunks({ head, cidOffset, chunkBytes, segmentBytes }: Extract<Traffic, { kind: 'chunks' }>): SendNext {
  const chunk = new Uint8Array(chunkBytes);
  const packet = new Uint8Array(head.length + segmentBytes);
  packet.set(head);
  let number = 0;
  let offset = chunkBytes;
  return (socket) => {
    if (offset === chunkBytes) {
      offset = 0;
      writeU32BE(chunk, 0, ++number);
      packet.set(createHash('sha256').update(chunk).digest().subarray(0, 20), cidOffset);
    }
    const length = Math.min(segmentBytes, chunkBytes - offset);
    writeU16BE(packet, 2, length);
    encodeChunkResponseHeader(packet, head.length - 52, { offset, length, chunkLength: chunkBytes, ttlSeconds: LIFETIME_SECONDS });
    packet.set(chunk.subarray(offset, offset + length), head.length);
    if (!socket.send(packet, head.length + length)) return 0;
    offset += length;
    return 1;
  };
}

class Generator {
  readonly #socket = new RawUdp();
  /** The sink tells how many packets it has received. */
  readonly credits = new RawUdp();
  readonly #credit = new Uint8Array(8);
  #sent = 0;
  #received = 0;
  #settled = 0;

  async run({ target, traffic, warmUpMs, measureMs, windowPackets }: LoadOrder): Promise<void> {
    this.#socket.connect(target);
    if (traffic.kind === 'transit' && traffic.run > 1) cutInto(this.#socket.descriptor, traffic.packet.length);
    const next = traffic.kind === 'transit' ? transit(traffic) : chunks(traffic);
    const start = performance.now();
    await this.#until(start + warmUpMs, next, windowPackets);
    this.#tell('begin', performance.now() - start);
    await this.#until(start + warmUpMs + measureMs, next, windowPackets);
    this.#tell('end', performance.now() - start);
  }

  #tell(phase: LoadMark['phase'], wallMs: number): void {
    process.send?.({ phase, sent: this.#sent, received: this.#received, wallMs } satisfies LoadMark);
  }

  async #until(deadline: number, next: SendNext, windowPackets: number): Promise<void> {
    while (performance.now() < deadline) {
      while (this.#sent - this.#settled < windowPackets) {
        const sent = next(this.#socket);
        if (sent === 0) break;
        this.#sent += sent;
      }
      if (this.credits.wait(LOST_MS)) this.#readCredits();
      else this.#settled = this.#sent;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #readCredits(): void {
    const before = this.#received;
    while (this.credits.receive(this.#credit) > 0) this.#received = new Float64Array(this.#credit.buffer)[0]!;
    this.#settled = Math.min(this.#sent, this.#settled + this.#received - before);
  }
}

const generator = new Generator();
process.once('message', (order: LoadOrder) => {
  void generator.run(order);
});
process.once('disconnect', () => process.exit());
process.send?.({ port: generator.credits.port } satisfies Listening);
