import * as v from 'valibot';
import { HostNotices } from './host-notices.js';
import type { RunMigrationOptions } from './migration-plan.js';

/** Tokens of beacons live for 10 to 20 s; what the guest has signed is never much older than this. */
const PREPARE_EVERY_MS = 3000;

const placeSchema = v.object({ place: v.string() });
const preparedSchema = v.object({ binding: v.string(), station: v.nullable(v.string()) });
const pausedSchema = v.object({ prepared: v.nullable(preparedSchema) });

/**
 * What the two hosts of a move are told of the guest. While it still runs, it signs every few seconds where it will be, and the
 * destination's host has the newest of that when it comes. None of this stops a migration: a guest that cannot prepare finds its place
 * after the move.
 */
export class GuestHosts {
  readonly #source: HostNotices;
  readonly #destination: HostNotices;
  #again: NodeJS.Timeout | undefined;
  #isOver = false;
  /** How often the destination's host was given what the guest has signed. */
  prepared = 0;

  constructor({ guest, source, destination }: Pick<RunMigrationOptions, 'guest' | 'source' | 'destination'>) {
    this.#source = new HostNotices(source.control, guest);
    this.#destination = new HostNotices(destination.control, guest);
  }

  async open(): Promise<void> {
    await Promise.all([this.#source.open(), this.#destination.open()]);
  }

  /** The guest is about to move. */
  coming(): void {
    void this.#destination.tell('coming').then(() => this.#prepare());
  }

  /** It stands still at the source: nothing later will be signed, and what is sent to it waits. */
  stopped(): void {
    this.#isOver = true;
    clearTimeout(this.#again);
    void this.#handNewest(this.#source.tell('paused'));
  }

  /** It goes on at the source. */
  goesOn(): void {
    this.#source.say('resumed');
  }

  /** It runs at the destination. */
  runsThere(): void {
    this.#destination.say('resumed');
  }

  /** It does not come, and goes on at the source, where it may have to be turned back to. */
  stays(): void {
    this.#isOver = true;
    clearTimeout(this.#again);
    this.#destination.say('not-coming');
    this.#source.say('staying');
  }

  async close(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#again);
    await Promise.all([this.#source.close(), this.#destination.close()]);
  }

  async #prepare(): Promise<void> {
    try {
      const { place } = v.parse(placeSchema, await this.#destination.ask('place'));
      await this.#hand(v.parse(preparedSchema, await this.#source.ask('prepare', { place })));
    } catch {
      // Asked again; in the end the guest finds its place by itself.
    }
    if (!this.#isOver) this.#again = setTimeout(() => void this.#prepare(), PREPARE_EVERY_MS).unref();
  }

  async #handNewest(paused: Promise<unknown>): Promise<void> {
    const answer = v.safeParse(pausedSchema, await paused);
    if (answer.success && answer.output.prepared !== null) await this.#hand(answer.output.prepared);
  }

  async #hand({ binding, station }: v.InferOutput<typeof preparedSchema>): Promise<void> {
    try {
      await this.#destination.ask('prepared', { binding, ...(station === null ? {} : { station }) });
      this.prepared++;
    } catch {
      // It has a newer one, or is not to be given any.
    }
  }
}
