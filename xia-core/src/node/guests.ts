import { XiaError } from '../bytes/index.js';
import type { Face } from '../io/index.js';
import type { GuestMoves, MobilityEvent } from '../mobility/index.js';
import type { NodeStack } from '../stack/index.js';
import { decodeMobilityMessage, encodeBeaconMessage, MobilityKind } from '../wire/index.js';
import type { Xid } from '../xid/index.js';
import type { Enter } from './stream-socket.js';

/** A guest that does not answer by then has not understood: its host asks several times. */
const PREPARE_TIMEOUT_MS = 5000;

/** What a guest that is about to move has signed, for the node where it is to be. */
export interface PreparedMove {
  /** Statement bytes. */
  readonly binding: Uint8Array;
  /** The MAC address of its card as text; undefined when its link has none. */
  readonly station: string | undefined;
}

interface GuestsParts {
  readonly stack: NodeStack;
  readonly faces: ReadonlyMap<number, Face>;
  readonly enter: Enter;
  /** Calls `listener` with every event of mobility until the returned function is called. */
  readonly listen: (listener: (event: MobilityEvent) => void) => () => void;
}

/**
 * The machines that come to a node and go from it, as whoever moves them tells. Each method throws `bad-argument` on a node that has no
 * guests: an application.
 */
export class Guests {
  readonly #parts: GuestsParts;

  constructor(parts: GuestsParts) {
    this.#parts = parts;
  }

  /**
   * Says that a machine with this HID is about to come to one of the access faces (`lifetimeMs` 0: it is not); the router makes a place
   * ready for it. The event `mobility` of kind `noticed` tells what became of it.
   */
  expect(hid: Xid, lifetimeMs: number): void {
    this.#with((guests, now, wallNow) => guests.expect(hid, lifetimeMs, now, wallNow));
  }

  /** What a machine hears here now, to be shown to one that may come (see `prepare`). @throws XiaError `refused` while it hears nothing */
  place(): Uint8Array {
    const beacon = this.#with((guests, now) => guests.place(now));
    if (beacon === undefined) throw new XiaError('refused', 'this node is not attached: there is no beacon to show');
    return encodeBeaconMessage(beacon);
  }

  /**
   * Has a machine that is here sign a binding for another place, which it goes to if it is moved there. It stays here.
   * @param place what `place` of the other node has returned
   * @throws XiaError `bad-argument`, `refused` when the machine is not here or the place is not to be believed, `timeout` when it does not
   * answer: it does not trust that place, or does not know of such questions
   */
  async prepare(hid: Xid, place: Uint8Array): Promise<PreparedMove> {
    const { enter, listen, stack } = this.#parts;
    const decoded = decodeMobilityMessage(place);
    if (!decoded.ok || decoded.message.kind !== MobilityKind.BEACON) throw new XiaError('bad-argument', 'the place is not a beacon');
    const beacon = decoded.message;
    let end = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    try {
      const isAnswered = await new Promise<boolean>((resolve) => {
        end = listen((event) => event.kind === 'prepared' && event.hid.equals(hid) && resolve(event.outcome === 'ok'));
        timer = setTimeout(() => resolve(false), PREPARE_TIMEOUT_MS);
        const fault = this.#with((guests, now, wallNow) => guests.prepare(hid, beacon, now, wallNow));
        if (fault !== undefined) throw new XiaError('refused', `the guest cannot be asked: ${fault}`, { hid: hid.toString(), fault });
      });
      const move = isAnswered ? enter(() => this.#prepared(hid, stack.mobility.guests)) : undefined;
      if (move !== undefined) return move;
    } finally {
      clearTimeout(timer);
      end();
    }
    throw new XiaError('timeout', 'the guest has signed nothing for that place', { hid: hid.toString() });
  }

  /** The newest that a machine here has signed for another place. */
  prepared(hid: Xid): PreparedMove | undefined {
    return this.#with((guests) => this.#prepared(hid, guests));
  }

  /**
   * Keeps what a machine that is expected has signed for this place. It counts from the moment on in which the machine is here: see
   * `arriving` and `runs`; or announces itself on a wire. @throws XiaError `refused` with the reason
   */
  takePrepared(hid: Xid, { binding, station }: PreparedMove): void {
    const fault = this.#with((guests, now) => guests.takePrepared(hid, binding, station, now));
    if (fault !== undefined) throw new XiaError('refused', `the prepared binding is not kept: ${fault}`, { hid: hid.toString(), fault });
  }

  /** Says that a machine is this node's from now on, and about to run: its packets come here, and wait. */
  arriving(hid: Xid): void {
    this.#with((guests, now, wallNow) => guests.arriving(hid, now, wallNow));
  }

  /**
   * Says that a machine at an access face stands still, about to go elsewhere: its packets wait, those that it has not read first. False when
   * they do not.
   */
  pause(hid: Xid): boolean {
    const { faces, stack } = this.#parts;
    return this.#with((guests, now, wallNow) => {
      const hop = stack.mobility.binding(hid)?.hop;
      if (!guests.pause(hid, now, wallNow)) return false;
      const unread = hop === undefined ? [] : (faces.get(hop.face)?.takeBack?.(hop.neighbour) ?? []);
      for (const packet of unread) stack.returned(hop!.face, hop!.neighbour, packet, now);
      return true;
    });
  }

  /** Says that a machine runs here, one that stood still or one that was to come: it gets what was held. */
  runs(hid: Xid): void {
    this.#with((guests, now, wallNow) => guests.runs(hid, now, wallNow));
  }

  /** Says that a machine that was to go elsewhere stays here: should what it has signed for there be loose, it overrules that at once. */
  stays(hid: Xid): void {
    this.#with((guests, now, wallNow) => guests.stays(hid, now, wallNow));
  }

  #prepared(hid: Xid, guests: GuestMoves | undefined): PreparedMove | undefined {
    const binding = guests?.prepared(hid);
    const hop = this.#parts.stack.mobility.binding(hid)?.hop;
    return binding && { binding, station: hop && this.#parts.faces.get(hop.face)?.station?.(hop.neighbour) };
  }

  #with<Result>(act: (guests: GuestMoves, now: number, wallNow: number) => Result): Result {
    const { enter, stack } = this.#parts;
    const { guests } = stack.mobility;
    if (guests === undefined) throw new XiaError('bad-argument', 'this node has no guests');
    return enter((now) => act(guests, now, now + stack.wallOffsetMs));
  }
}
