import { equalBytes, type DatagramSocketHandle, type Xid } from 'xia-core';
import type { Flow } from './lab-flow.js';
import { textPiece } from './lab-text.js';
import type { SimNode } from './network.js';

/** As much as fits every link, behind a number of 4 bytes. */
const PAYLOAD_BYTES = 1000;
const NUMBER_BYTES = 4;
/** What is sent in this time goes out together. */
const TICK_MS = 1;
/** The longest way, its jitter and the longest blackout are shorter; what has not come by then does not come. */
const PATIENCE_MS = 15_000;

export interface DgramFlowOptions {
  readonly client: SimNode;
  readonly server: SimNode;
  readonly sids: readonly [client: Xid, server: Xid];
  readonly bytes: number;
  /** What is sent, content only. */
  readonly bytesPerSecond: number;
  readonly salt: number;
  readonly now: () => number;
  /** Does something at a time. */
  readonly at: (ms: number, act: (now: number) => void) => void;
}

/** What became of datagrams, as their receiver sees it. */
export interface DgramTally {
  readonly sent: number;
  /** Different ones that arrived. */
  readonly arrived: number;
  /** Arrived after a later one. */
  readonly late: number;
  /** Arrived again. */
  readonly twice: number;
}

/** Numbered datagrams from server to client at an even pace. Nothing is repeated, so what the link loses is missing. */
export class DgramFlow implements Flow {
  readonly name = 'dgram';
  readonly #options: DgramFlowOptions;
  readonly #from: DatagramSocketHandle;
  readonly #to: DatagramSocketHandle;
  readonly #count: number;
  readonly #seen: Uint8Array;
  #sent = 0;
  #refused = 0;
  #newest = -1;
  #arrived = 0;
  #late = 0;
  #twice = 0;
  #wrong = 0;
  #newestAtMs = 0;
  completeAtMs: number | undefined;

  constructor(options: DgramFlowOptions) {
    this.#options = options;
    const { client, server, sids, bytes } = options;
    this.#count = Math.max(1, Math.ceil(bytes / PAYLOAD_BYTES));
    this.#seen = new Uint8Array(this.#count);
    client.stack.bindService(sids[0]);
    this.#to = client.stack.datagrams.open(sids[0]);
    this.#from = server.stack.datagrams.open(sids[1]);
    const next = client.onEvent;
    client.onEvent = (event) => {
      if (event.layer === 'datagram' && event.socket === this.#to) this.#read();
      else next(event);
    };
  }

  get totalBytes(): number {
    return this.#count * PAYLOAD_BYTES;
  }

  get deliveredBytes(): number {
    return this.#arrived * PAYLOAD_BYTES;
  }

  get isOver(): boolean {
    return this.completeAtMs !== undefined;
  }

  get sentAndResent(): readonly [number, number] {
    return [this.#sent * PAYLOAD_BYTES, 0];
  }

  get tally(): DgramTally {
    return { sent: this.#sent, arrived: this.#arrived, late: this.#late, twice: this.#twice };
  }

  start(): void {
    const { at, now } = this.#options;
    at(now(), (startMs) => this.#send(startMs, startMs));
  }

  fault(): string | undefined {
    if (this.#wrong > 0) return `${this.#wrong} datagrams had wrong bytes`;
    return this.#sent + this.#refused === this.#count ? undefined : `${this.#sent} of ${this.#count} datagrams were sent`;
  }

  #send(startMs: number, now: number): void {
    const { server, client, sids, bytesPerSecond, at } = this.#options;
    const due = Math.min(this.#count, Math.ceil(((now - startMs + TICK_MS) * bytesPerSecond) / 1000 / PAYLOAD_BYTES));
    server.enter(() => {
      const destination = client.stack.dag(sids[0]);
      for (let number = this.#sent + this.#refused; number < due; number++) {
        if (this.#from.send(destination, this.#payload(number))) this.#sent++;
        else this.#refused++;
      }
    });
    if (due < this.#count) at(now + TICK_MS, (later) => this.#send(startMs, later));
    else at(now + PATIENCE_MS, () => (this.completeAtMs = this.#newestAtMs));
  }

  #payload(number: number): Uint8Array {
    const payload = new Uint8Array(PAYLOAD_BYTES);
    new DataView(payload.buffer).setUint32(0, number);
    payload.set(textPiece(this.#options.salt, number * PAYLOAD_BYTES, PAYLOAD_BYTES - NUMBER_BYTES), NUMBER_BYTES);
    return payload;
  }

  #read(): void {
    for (let got = this.#to.receive(); got !== undefined; got = this.#to.receive()) {
      const { payload } = got;
      const number = payload.length < NUMBER_BYTES ? -1 : new DataView(payload.buffer, payload.byteOffset).getUint32(0);
      if (number < 0 || number >= this.#count || !equalBytes(payload, this.#payload(number))) {
        this.#wrong++;
        continue;
      }
      if (this.#seen[number] === 1) this.#twice++;
      else {
        this.#seen[number] = 1;
        this.#arrived++;
        if (number < this.#newest) this.#late++;
      }
      this.#newest = Math.max(this.#newest, number);
      this.#newestAtMs = this.#options.now();
    }
  }
}
