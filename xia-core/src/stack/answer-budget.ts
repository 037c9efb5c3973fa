import { NeighbourLimiter, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { Disposition, type ForwardingEngine } from '../forwarding/index.js';
import { encodeXip, NextHeader, XipView } from '../wire/index.js';

/** Bytes of answers that one neighbour may have sent elsewhere: a path that differs there and back, not a weapon. */
const ELSEWHERE = { ratePerSecond: 32 * 1024 * 1024, burst: 8 * 1024 * 1024, faceShares: 2 };

/** ms that a look at where answers leave is good for: one serves a burst of requests, and a route that turns counts soon. */
const LOOK_MS = 10;

/**
 * Bounds what can be thrown at somebody by asking in his name. A request for content is small, its source is not proven, and
 * its answer is large. Answers that leave where the request came from harm nobody who did not ask, and are not limited;
 * others have a budget in bytes (the idea of RFC 3704, strict reverse path, made a limit instead of a wall).
 */
export class AnswerBudget {
  readonly #engine: ForwardingEngine;
  readonly #limiter = new NeighbourLimiter(ELSEWHERE);
  readonly #view = new XipView();
  #asker: Dag | undefined;
  /** Where the last request came from that was looked at, until when that counts, and what came of it. */
  #face = 0;
  #neighbour = 0;
  #goodUntil = -Infinity;
  #isFree = false;

  constructor(engine: ForwardingEngine) {
    this.#engine = engine;
  }

  /**
   * Whether `asker` may be sent so many bytes.
   * @param face, neighbour where the request came from
   */
  allows(asker: Dag, bytes: number, face: number, neighbour: number, now: number): boolean {
    if (this.#asker !== asker || this.#face !== face || this.#neighbour !== neighbour || now >= this.#goodUntil) {
      this.#isFree = this.#returns(asker, face, neighbour);
      this.#face = face;
      this.#neighbour = neighbour;
      this.#goodUntil = now + LOOK_MS;
    }
    return this.#isFree || this.#limiter.take(face, neighbour, now, bytes);
  }

  gauges(): Gauge[] {
    return [this.#limiter.gauge('answer budgets')];
  }

  #returns(asker: Dag, face: number, neighbour: number): boolean {
    // One object per address as long as its requests follow each other: see `SourceMemo`.
    if (this.#asker !== asker) {
      this.#asker = asker;
      this.#view.reset(encodeXip({ nextHeader: NextHeader.CHUNK, destination: asker, source: asker, payload: [] }));
    }
    this.#view.setLast(-1);
    switch (this.#engine.preview(this.#view)) {
      case Disposition.FORWARD:
        // 0 is everybody on that link, the one who asked among them.
        return this.#engine.outFace === face && (this.#engine.outNeighbour === neighbour || this.#engine.outNeighbour === 0);
      case Disposition.BROADCAST:
        return false;
      default:
        // To this node itself, or to nobody.
        return true;
    }
  }
}
