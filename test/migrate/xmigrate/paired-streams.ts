import { createHash } from 'node:crypto';
import { Duplex } from 'node:stream';
import { Dag, PrincipalType, Xid } from 'xia-core';
import type { ChunkFetcher, ChunkPublisher, ControlStream } from '../../../migrate/src/xmigrate/transfer-ports.js';
import { cidOf } from '../protocol/fake-crypto.js';

const digits = (byte: string) => byte.repeat(20);
export const sourceHid = Xid.parse(`HID:${digits('a1')}`);
const ad = `AD:${digits('ad')}`;
const addresses = {
  source: `RE ${ad} ${sourceHid.toString()} SID:${digits('51')}`,
  destination: `RE ${ad} HID:${digits('b2')} SID:${digits('52')}`,
};

class PairedStream extends Duplex implements ControlStream {
  other!: PairedStream;
  readonly peerDag: Dag;
  readonly #secret: string;

  readonly peerHid: Xid | undefined;
  readonly stats = { minRttMs: 1 };

  constructor(peer: string, secret: string) {
    super({ allowHalfOpen: true });
    this.peerDag = Dag.parse(peer);
    this.peerHid = this.peerDag.find(PrincipalType.HID);
    this.#secret = secret;
  }

  exportKey(label: string, length: number): Uint8Array {
    return createHash('sha512').update(`${label} ${this.#secret}`).digest().subarray(0, length);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    setImmediate(() => {
      if (!this.other.destroyed) this.other.push(chunk);
      callback();
    });
  }

  override _final(callback: () => void): void {
    setImmediate(() => {
      if (!this.other.destroyed) this.other.push(null);
      callback();
    });
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    setImmediate(() => this.other.destroy());
    callback(error);
  }
}

/** Two ends of one in-process control stream. */
export function pairedStreams(secret = 'secret'): { atSource: PairedStream; atDestination: PairedStream } {
  const atSource = new PairedStream(addresses.destination, secret);
  const atDestination = new PairedStream(addresses.source, secret);
  atSource.other = atDestination;
  atDestination.other = atSource;
  return { atSource, atDestination };
}

/** A network in which every published chunk can be fetched. Counts what it holds. */
export class ContentNetwork implements ChunkPublisher, ChunkFetcher {
  readonly #chunks = new Map<string, Uint8Array>();
  maxBytes = 0;
  bytes = 0;
  /** Replaces what a fetch gives; undefined makes it fail. */
  tamper: (bytes: Uint8Array) => Uint8Array | undefined = (bytes) => bytes;

  get size(): number {
    return this.#chunks.size;
  }

  publish(bytes: Uint8Array): { cid: Xid } {
    const cid = new Xid(PrincipalType.CID, cidOf(bytes));
    this.#chunks.set(cid.key, bytes);
    this.bytes += bytes.length;
    this.maxBytes = Math.max(this.maxBytes, this.bytes);
    return { cid };
  }

  unpublish(cid: Xid): void {
    this.bytes -= this.#chunks.get(cid.key)?.length ?? 0;
    this.#chunks.delete(cid.key);
  }

  async fetch(dag: Dag): Promise<Uint8Array> {
    await new Promise((resolve) => setImmediate(resolve));
    const bytes = this.#chunks.get(dag.intent.key);
    const given = bytes === undefined ? undefined : this.tamper(bytes);
    if (given === undefined) throw new Error('nobody has it');
    return Uint8Array.from(given);
  }

  lend(length: number): Uint8Array {
    return new Uint8Array(length).fill(0xdd);
  }

  /** As a pool would: other bytes will be in that memory soon. */
  recycle(bytes: Uint8Array): void {
    bytes.fill(0xee);
  }
}

/** Streams that a server would accept, one after the other, as the test brings them. */
export class AcceptedStreams implements AsyncIterable<ControlStream> {
  readonly #waiting: ControlStream[] = [];
  #wake: (() => void) | undefined;

  accept(stream: ControlStream): void {
    this.#waiting.push(stream);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ControlStream> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
