/** Face number of what this node owns: a packet that reaches such an entry has arrived at that node of its graph. */
export const LOCAL_FACE = -2;

/** Face number of the broadcast entry: sent on every face by its origin, and delivered, never sent on, by whoever hears it. */
export const BROADCAST_FACE = -4;

/** Face number that no real face has: packets that are sent there wait for a way (see `HoldBuffer` of the stack). */
export const HELD_FACE = 0;

/** No face: what a table answers with when it has neither an entry nor a default. */
export const NO_FACE = -1;

/** Where a packet goes next. */
export interface NextHop {
  /** A face's number (0 and up), or one of the special faces. */
  readonly face: number;
  /** The neighbour's number on that face; 0 means every neighbour. */
  readonly neighbour: number;
}
