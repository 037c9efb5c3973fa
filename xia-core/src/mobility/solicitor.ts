import { encodeSolicit } from '../wire/mobility-messages.js';
import type { Xid } from '../xid/index.js';
import type { Counters } from '../bytes/counters.js';
import type { CounterName } from './events.js';
import { EVERY_NEIGHBOUR, type LinkFaces, type LinkSink } from './links.js';

const MAX_DELAY_MS = 1000;

/** Asks for a beacon on every uplink face, again and again with growing pauses until it is told to be quiet. */
export class Solicitor {
  readonly #payload: Uint8Array;
  readonly #faces: LinkFaces;
  readonly #sink: LinkSink;
  readonly #counters: Counters<CounterName>;
  #delayMs = 0;
  #at = Infinity;
  #lastSent = -Infinity;

  constructor(options: { hid: Xid; faces: LinkFaces; sink: LinkSink; counters: Counters<CounterName> }) {
    this.#payload = encodeSolicit(options.hid);
    this.#faces = options.faces;
    this.#sink = options.sink;
    this.#counters = options.counters;
  }

  /** When it asks next. */
  get at(): number {
    return this.#at;
  }

  /** When it asked last. */
  get lastSent(): number {
    return this.#lastSent;
  }

  /** Starts at `at`; the first pause is `delayMs`, each following one twice as long. */
  start(at: number, delayMs: number): void {
    this.#at = at;
    this.#delayMs = delayMs;
  }

  stop(): void {
    this.#at = Infinity;
  }

  handleTimeout(now: number): void {
    if (now < this.#at) return;
    this.#lastSent = now;
    this.#at = now + this.#delayMs;
    this.#delayMs = Math.min(2 * this.#delayMs, MAX_DELAY_MS);
    for (const face of this.#faces.uplink()) {
      this.#counters.count('solicit:sent');
      this.#sink.sendLink(face, EVERY_NEIGHBOUR, this.#payload);
    }
  }
}
