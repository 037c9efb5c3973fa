import { readU48BE, XiaError, type Gauge } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';

/** Neighbours of each sort that a link knows. */
const CAPACITY = 1024;
const NO_MAC = -1;

/** A station of an Ethernet link. */
export interface EthernetNeighbour {
  readonly id: number;
  /** Its name, for those that were named; they are never forgotten. */
  readonly hid: Xid | undefined;
  mac: Uint8Array | undefined;
  /** The neighbour of the underlay that its frames come from; 0 while none came, which means all of them. */
  station: number;
  /** Larger is later. */
  heardTurn: number;
  /** The named neighbour that the same MAC address was found to belong to. */
  namedAs: EthernetNeighbour | undefined;
}

/**
 * The neighbours of an Ethernet link by MAC address, and the named ones by HID: small ids from 1 on.
 *
 * Named ones keep their id for ever. Of the others the one that was silent for longest makes place for a new one, after
 * `onGone` was told. `heard` is called for every frame: it makes no key string.
 */
export class EthernetNeighbours {
  readonly #onGone: (id: number) => void;
  /** By id less 1. */
  readonly #all: EthernetNeighbour[] = [];
  readonly #byMac = new Map<number, EthernetNeighbour>();
  readonly #byHid = new Map<string, EthernetNeighbour>();
  #turn = 0;
  #heardCount = 0;
  #lastMac = NO_MAC;
  #last: EthernetNeighbour | undefined;
  #refused = 0;
  evicted = 0;

  constructor(onGone: (id: number) => void) {
    this.#onGone = onGone;
  }

  get(id: number): EthernetNeighbour | undefined {
    return this.#all[id - 1];
  }

  all(): readonly EthernetNeighbour[] {
    return this.#all;
  }

  /** The neighbour whose MAC address is at `offset` of a frame that came from `station`. */
  heard(frame: Uint8Array, offset: number, station: number): number {
    const mac = readU48BE(frame, offset);
    let neighbour = mac === this.#lastMac ? this.#last : this.#byMac.get(mac);
    if (neighbour === undefined) {
      neighbour = this.#add(undefined, frame.slice(offset, offset + 6));
      this.#byMac.set(mac, neighbour);
    }
    neighbour.station = station;
    neighbour.heardTurn = ++this.#turn;
    this.#lastMac = mac;
    this.#last = neighbour;
    return neighbour.id;
  }

  gauges(): Gauge[] {
    // Neither sort ever gets fewer: ids are used again, and names are kept.
    const [heard, named] = [this.#heardCount, this.#byHid.size];
    return [
      { name: 'stations', unit: 'entries', used: heard, highWater: heard, bound: CAPACITY, refused: this.evicted },
      { name: 'named stations', unit: 'entries', used: named, highWater: named, bound: CAPACITY, refused: this.#refused },
    ];
  }

  byHid(hid: Xid): EthernetNeighbour | undefined {
    return this.#byHid.get(hid.key);
  }

  /** Names a neighbour, whether its address is known or not. @throws XiaError `limit-reached` */
  name(hid: Xid): EthernetNeighbour {
    const known = this.byHid(hid);
    if (known !== undefined) return known;
    if (this.#byHid.size >= CAPACITY) {
      this.#refused++;
      throw new XiaError('limit-reached', `more than ${CAPACITY} named neighbours`, { hid: hid.toString() });
    }
    const neighbour = this.#add(hid, undefined);
    this.#byHid.set(hid.key, neighbour);
    return neighbour;
  }

  /** A named neighbour has this address: from now on what comes from it has the id of that neighbour. */
  bind(neighbour: EthernetNeighbour, mac: Uint8Array): void {
    const key = readU48BE(mac, 0);
    if (neighbour.mac !== undefined && this.#byMac.get(readU48BE(neighbour.mac, 0)) === neighbour) {
      this.#byMac.delete(readU48BE(neighbour.mac, 0));
      neighbour.station = 0;
    }
    neighbour.mac = mac;
    this.#lastMac = NO_MAC;
    const holder = this.#byMac.get(key);
    // One station may have two names; its frames can have one id only.
    if (holder?.hid !== undefined) {
      neighbour.station = holder.station;
      return;
    }
    if (holder !== undefined) {
      neighbour.station = holder.station;
      holder.namedAs = neighbour;
    }
    this.#byMac.set(key, neighbour);
  }

  /** Where to send what is for a neighbour. */
  stationOf(neighbour: EthernetNeighbour): number {
    return (neighbour.namedAs ?? neighbour).station;
  }

  /** The underlay has forgotten a neighbour. */
  stationGone(station: number): void {
    for (const neighbour of this.#all) if (neighbour.station === station) neighbour.station = 0;
  }

  #add(hid: Xid | undefined, mac: Uint8Array | undefined): EthernetNeighbour {
    const fields = { hid, mac, station: 0, heardTurn: 0, namedAs: undefined };
    if (hid === undefined && this.#heardCount >= CAPACITY) {
      const neighbour = { id: this.#evict(), ...fields };
      this.#all[neighbour.id - 1] = neighbour;
      return neighbour;
    }
    if (hid === undefined) this.#heardCount++;
    const neighbour = { id: this.#all.length + 1, ...fields };
    this.#all.push(neighbour);
    return neighbour;
  }

  #evict(): number {
    let oldest: EthernetNeighbour | undefined;
    for (const neighbour of this.#all) {
      if (neighbour.hid === undefined && (oldest === undefined || neighbour.heardTurn < oldest.heardTurn)) oldest = neighbour;
    }
    const { id, mac } = oldest!;
    const key = readU48BE(mac!, 0);
    if (this.#byMac.get(key) === oldest) this.#byMac.delete(key);
    this.evicted++;
    this.#onGone(id);
    return id;
  }
}
