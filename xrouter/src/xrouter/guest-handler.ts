import { PrincipalType, Xid, XiaError, type ControlHandler, type Guests, type PreparedMove } from 'xia-core';

const PHASES = ['coming', 'not-coming', 'place', 'prepare', 'prepared', 'paused', 'arriving', 'resumed', 'staying'] as const;
/** How long a guest may take to come once it was announced; who announces it says so again when it takes longer. */
const COMING_MS = 60_000;

/**
 * The method `guest` of the control socket: whoever moves a machine says what becomes of it at this node, as `phase`, and which
 * it is, as `hid`. Bytes are base64.
 *
 * - `coming`, `not-coming`: it is about to come here, or not any more.
 * - `place`: what it would hear here, as `place` of the result.
 * - `prepare` with a `place` of another node: the result is the `binding` that the guest here has signed for there, and its `station`.
 * - `prepared` with both: kept here until the guest comes.
 * - `paused`: it stands still here. The result says whether its packets are `held`, and the newest binding that is `prepared`.
 * - `arriving`: it is this node's from now on, and about to run.
 * - `resumed`: it runs here.
 * - `staying`: it was to go elsewhere, and runs here for good.
 */
export function guestHandler({ guests }: { readonly guests: Guests }): ControlHandler {
  return async ({ hid, phase, place, binding, station }) => {
    const guest = typeof hid === 'string' ? Xid.parse(hid) : undefined;
    if (guest?.type !== PrincipalType.HID) throw new XiaError('bad-request', 'which guest? "hid" is its HID');
    switch (phase) {
      case 'coming':
        guests.expect(guest, COMING_MS);
        return {};
      case 'not-coming':
        guests.expect(guest, 0);
        return {};
      case 'place':
        return { place: base64(guests.place()) };
      case 'prepare':
        return asText(await guests.prepare(guest, bytesOf('place', place)));
      case 'prepared':
        guests.takePrepared(guest, {
          binding: bytesOf('binding', binding),
          station: typeof station === 'string' ? station : undefined,
        });
        return {};
      case 'paused':
        return { held: guests.pause(guest), prepared: asText(guests.prepared(guest)) };
      case 'arriving':
        guests.arriving(guest);
        return {};
      case 'resumed':
        guests.runs(guest);
        return {};
      case 'staying':
        guests.stays(guest);
        return {};
      default:
        throw new XiaError('bad-request', `what becomes of the guest? "phase" is one of ${PHASES.join(', ')}`);
    }
  };
}

function asText(move: PreparedMove | undefined): { binding: string; station: string | null } | null {
  return move === undefined ? null : { binding: base64(move.binding), station: move.station ?? null };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function bytesOf(name: string, text: unknown): Uint8Array {
  if (typeof text !== 'string') throw new XiaError('bad-request', `"${name}" is missing: base64`);
  return new Uint8Array(Buffer.from(text, 'base64'));
}
