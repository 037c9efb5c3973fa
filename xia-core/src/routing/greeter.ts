import { equalBytes } from '../bytes/index.js';
import type { RandomSource } from '../bytes/index.js';
import { CHALLENGE_BYTES } from '../wire/routing-statements.js';
import type { RoutingFace } from './options.js';

/** How many hellos of ours may still be answered, and how close together two of them leave. */
const REMEMBERED = 32;
const LEAST_SPACING_MS = 10;
/** Part of the interval by which hellos of different routers drift apart. */
const JITTER = 0.1;

interface Greeting {
  readonly challenge: Uint8Array;
  sentMs: number;
}

interface GreetedFace {
  cost: number;
  dueMs: number;
  lastMs: number;
  readonly greetings: Greeting[];
}

/** When each face gets its next hello, and which of our hellos an answer can be to. */
export class Greeter {
  readonly #rng: RandomSource;
  readonly #intervalMs: number;
  readonly #faces = new Map<number, GreetedFace>();
  #lookMs = 0;

  constructor(rng: RandomSource, intervalMs: number) {
    this.#rng = rng;
    this.#intervalMs = intervalMs;
  }

  /** Takes over which faces there are. Returns those that are gone. A new one is greeted at once. */
  look(faces: Iterable<RoutingFace>, now: number): number[] {
    this.#lookMs = now + this.#intervalMs;
    const gone = new Set(this.#faces.keys());
    for (const { face, cost } of faces) {
      gone.delete(face);
      const known = this.#faces.get(face);
      if (known === undefined) this.#faces.set(face, { cost, dueMs: now, lastMs: -Infinity, greetings: [] });
      else known.cost = cost;
    }
    for (const face of gone) this.#faces.delete(face);
    return [...gone];
  }

  /** The faces that other routers are greeted on. */
  faces(): number[] {
    return [...this.#faces.keys()];
  }

  /** What a face costs; undefined for one that other routers are not greeted on. */
  costOf(face: number): number | undefined {
    return this.#faces.get(face)?.cost;
  }

  /** Somebody on this face waits for an answer. */
  hurry(face: number, now: number): void {
    const greeted = this.#faces.get(face);
    if (greeted !== undefined) greeted.dueMs = Math.min(greeted.dueMs, Math.max(now, greeted.lastMs + LEAST_SPACING_MS));
  }

  nextMs(): number {
    let next = this.#lookMs;
    for (const { dueMs } of this.#faces.values()) next = Math.min(next, dueMs);
    return next;
  }

  /** The faces whose turn it is, each with the challenge for its hello. */
  *due(now: number): Iterable<{ face: number; challenge: Uint8Array }> {
    for (const [face, greeted] of this.#faces) {
      if (greeted.dueMs > now) continue;
      greeted.lastMs = now;
      greeted.dueMs = now + this.#intervalMs * (1 + JITTER * (2 * this.#rng.unit() - 1));
      const challenge = this.#rng.bytes(CHALLENGE_BYTES);
      greeted.greetings.push({ challenge, sentMs: now });
      if (greeted.greetings.length > REMEMBERED) greeted.greetings.shift();
      yield { face, challenge };
    }
  }

  /** Whether this answers a hello that left by the face not longer ago than that. */
  isAnswer(face: number, challenge: Uint8Array, now: number, maxAgeMs: number): boolean {
    const greetings = this.#faces.get(face)?.greetings ?? [];
    return greetings.some((greeting) => now - greeting.sentMs <= maxAgeMs && equalBytes(greeting.challenge, challenge));
  }

  forgive(lateMs: number): void {
    for (const { greetings } of this.#faces.values()) for (const greeting of greetings) greeting.sentMs += lateMs;
  }
}
