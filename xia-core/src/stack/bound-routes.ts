import { HELD_FACE, type NextHop } from '../forwarding/index.js';
import type { HidRoutes, Hop } from '../mobility/index.js';
import type { Xid } from '../xid/index.js';
import type { PacketPath } from './packet-path.js';
import type { Rib } from './rib.js';

/** Where packets wait while the machine that they are for stands still. */
const HELD_HOP: NextHop = { face: HELD_FACE, neighbour: 0 };

/** What bindings say of HIDs, as routes; packets that were held are released when there is a way again. */
export class BoundRoutes implements HidRoutes {
  readonly #rib: Rib;
  readonly #path: PacketPath;
  readonly #now: () => number;

  constructor(rib: Rib, path: PacketPath, now: () => number) {
    this.#rib = rib;
    this.#path = path;
    this.#now = now;
  }

  set(hid: Xid, hop: Hop, sequence: number): void {
    this.#rib.set('binding', hid, hop, { sequence });
    this.#path.release(hid, this.#now());
  }

  delete(hid: Xid, isHeld: boolean, sequence: number): void {
    if (isHeld) this.#rib.set('binding', hid, undefined, { sequence });
    else this.#rib.delete('binding', hid);
    this.#path.release(hid, this.#now());
  }

  hold(hid: Xid, from: Hop | undefined, towards: Hop | undefined, sequence: number): void {
    this.#rib.set('binding', hid, HELD_HOP, { sequence });
    this.#path.hold(hid, from, towards);
  }
}
