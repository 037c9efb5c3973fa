import type { Xid } from '../xid/index.js';

/** A face and the neighbour on it that packets go to; neighbour 0 stands for every neighbour of the face. */
export interface Hop {
  readonly face: number;
  readonly neighbour: number;
}

/** Sends a datagram to `RE BHID SID_BOOTSTRAP` over one face, to one neighbour or (0) to all of them. Never queued here. */
export interface LinkSink {
  sendLink(face: number, neighbour: number, payload: Uint8Array): void;
}

/** The HID routes that follow from bindings. */
export interface HidRoutes {
  /** `sequence`: of the binding that says so. */
  set(hid: Xid, hop: Hop, sequence: number): void;
  /**
   * Its packets wait until the next `set` or `delete`. What comes from `from`, where it stood, was sent there before and goes before
   * the others. With `towards` they do not wait: another node holds them, and what is here goes there.
   */
  hold(hid: Xid, from: Hop | undefined, towards: Hop | undefined, sequence: number): void;
  /** The way is gone. `isHeld`: whoever else knows one may send back here, so none is to be taken but on a later binding. */
  delete(hid: Xid, isHeld: boolean, sequence: number): void;
}

/** The faces that there are now, by the role that configuration gave them. */
export interface LinkFaces {
  /** Faces on which guests attach. */
  access(): Iterable<number>;
  /** Faces on which this node attaches to others. */
  uplink(): Iterable<number>;
}

export const EVERY_NEIGHBOUR = 0;

/** Whether a hop leads over a face that is gone, or to one neighbour of it that is. */
export function leadsOver(hop: Hop, face: number, neighbour: number | undefined): boolean {
  return hop.face === face && (neighbour === undefined || hop.neighbour === neighbour);
}

export function sameHop(a: Hop | undefined, b: Hop | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.face === b.face && a.neighbour === b.neighbour);
}

/** A string equal for equal hops, to key a Map. */
export function hopKey(hop: Hop): string {
  return `${hop.face}/${hop.neighbour}`;
}

/** Whether packets for `a` would reach `b`: the same face, and the same neighbour or all of them on one side. */
export function overlaps(a: Hop, b: Hop): boolean {
  if (a.face !== b.face) return false;
  return a.neighbour === b.neighbour || a.neighbour === EVERY_NEIGHBOUR || b.neighbour === EVERY_NEIGHBOUR;
}
