import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { ControlClient, startFromOptions, Xid, type XiaNode } from 'xia-core';

const POLL_MS = 20;
const CALL_TIMEOUT_MS = 5000;
/** A guest that is not known at its new place by then says so at its next renewal, ten seconds after. */
const GIVE_UP_MS = 15_000;
/** A record that the guest could not renew when it came is renewed 20 s after the last time, by a guest that may be slow. */
const NAME_GIVE_UP_MS = 30_000;

const bindingsSchema = v.array(v.looseObject({ hid: v.string(), state: v.string(), hop: v.nullable(v.string()), sequence: v.number() }));

/** When one place knew where the guest is now. */
export interface UpdateMark {
  /** `name vm1.xia`, or `control SOCKET`. */
  readonly where: string;
  /** Since the guest went on at the destination, ms, a poll (20 ms) and an answer late at most; undefined: not within 15 s, 30 s for a name. */
  readonly afterMs: number | undefined;
}

/** From the guest's start at the destination until its new place is known where it was asked for. */
export interface UpdateTime {
  readonly marks: readonly UpdateMark[];
  /** The last of them, ms; undefined when one is missing. */
  readonly totalMs: number | undefined;
}

export interface UpdateWatchOptions {
  readonly guest: Xid | undefined;
  /** A name of the guest, whose record must lead to the AD of the destination. */
  readonly name: string | undefined;
  /** Control sockets of hosts and routers, whose binding of the guest must lead another way, or be newer than when it stood still. */
  readonly controls: readonly string[];
  /** The host of the destination: a node attaches there to ask for the name, and to know the AD. */
  readonly host: string;
  readonly trust: string | undefined;
}

/** One place that is asked whether it knows of the move. */
interface Place {
  readonly where: string;
  readonly giveUpMs: number;
  /** The guest stands still, and goes on elsewhere. What was known when the watch began is remembered by then. */
  stopped(): Promise<void>;
  resumed(): void;
  isUpdated(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Measures the update time of a move: after `resumed`, asks each place again and again until it tells of the new location. A place that
 * cannot be asked is left out when the watch begins, and stays unknown when it fails later.
 */
export class UpdateWatch {
  readonly #places: readonly Place[];
  #marks: Promise<UpdateMark[]> | undefined;

  private constructor(places: readonly Place[]) {
    this.#places = places;
  }

  /** @throws XiaError `control-unreachable`, `attach-timeout`, `name-not-found`, `name-service-timeout` */
  static async start(options: UpdateWatchOptions): Promise<UpdateWatch> {
    const places: Place[] = [];
    const { guest, name } = options;
    try {
      if (guest !== undefined) for (const path of options.controls) places.push(await controlPlace(path, guest));
      if (name !== undefined) places.push(await namePlace(name, options));
      return new UpdateWatch(places);
    } catch (error) {
      await Promise.all(places.map((place) => place.close()));
      throw error;
    }
  }

  /** The guest stands still: nothing that it says from here comes from its old place. */
  stopped(): void {
    for (const place of this.#places) void place.stopped().catch(() => undefined);
  }

  /** The guest goes on at the destination. */
  resumed(): void {
    const resumedAtMs = performance.now();
    for (const place of this.#places) place.resumed();
    this.#marks ??= Promise.all(this.#places.map(async (place) => ({ where: place.where, afterMs: await follow(place, resumedAtMs) })));
  }

  /** Waits until every place knows, or is given up. Undefined when the guest did not go on, or nobody is asked. */
  async result(): Promise<UpdateTime | undefined> {
    const marks = await this.#marks;
    if (marks === undefined || marks.length === 0) return undefined;
    const times = marks.map(({ afterMs }) => afterMs);
    return { marks, totalMs: times.every((time) => time !== undefined) ? Math.max(...times) : undefined };
  }

  async close(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.close()));
  }
}

async function follow(place: Place, resumedAtMs: number): Promise<number | undefined> {
  while (performance.now() - resumedAtMs < place.giveUpMs) {
    const updated = await place.isUpdated().catch(() => false);
    if (updated) return Math.round(performance.now() - resumedAtMs);
    await sleep(POLL_MS);
  }
  return undefined;
}

async function controlPlace(path: string, guest: Xid): Promise<Place> {
  const client = await ControlClient.connect(path);
  const hid = guest.toString();
  const binding = async () => {
    const rows = v.parse(bindingsSchema, await client.call('show', { what: 'bindings' }, CALL_TIMEOUT_MS));
    return rows.find((row) => row.hid === hid);
  };
  const before = await binding();
  /** Undefined while the answer is not here: one that comes after the guest went on may tell of the new place already. */
  let stoppedAt: number | undefined;
  let wentOn = false;
  return {
    where: `control ${path}`,
    giveUpMs: GIVE_UP_MS,
    stopped: async () => {
      const sequence = (await binding())?.sequence ?? -1;
      if (!wentOn) stoppedAt = sequence;
    },
    resumed: () => void (wentOn = true),
    isUpdated: async () => {
      const row = await binding();
      if (row === undefined || (row.state !== 'live' && row.state !== 'draining')) return false;
      // Another way is another place; where the way is the same as before, a binding is new that was not there at the stop.
      return (
        (before !== undefined && row.hop !== before.hop) || before === undefined || (stoppedAt !== undefined && row.sequence > stoppedAt)
      );
    },
    close: async () => client.close(),
  };
}

async function namePlace(name: string, { host, trust }: UpdateWatchOptions): Promise<Place> {
  const ads = trust === undefined ? {} : { trust: trust.split(',').map((text) => Xid.parse(text.trim())) };
  const node: XiaNode = await startFromOptions({ host, ...ads });
  const resolve = () => node.resolve(name, { fresh: true, timeoutMs: CALL_TIMEOUT_MS });
  const ad = node.attachment?.ad;
  try {
    // A name that nobody has is not waited for.
    await resolve();
  } catch (error) {
    await node.close();
    throw error;
  }
  return {
    where: `name ${name}`,
    giveUpMs: NAME_GIVE_UP_MS,
    stopped: async () => {},
    resumed: () => {},
    // Not "another address than before": between two hosts of one AD it stays the same.
    isUpdated: async () => (await resolve()).nodes.some(({ xid }) => ad !== undefined && xid.equals(ad)),
    close: () => node.close(),
  };
}
