/**
 * Decides which entry of a full cache goes first. Entries are known by small numbers, which the cache gives out again
 * once an entry was removed. Every operation is O(1), over many of them.
 */
export interface EvictionPolicy {
  /**
   * @param id the 20 bytes that the entry is found by, for a policy that knows again what has gone
   * @param bytes what the entry takes of the budget
   */
  inserted(entry: number, id: Uint8Array, bytes: number): void;
  used(entry: number): void;
  removed(entry: number): void;
  /** The entry to go next, or -1 when there is none. It stays until `removed`, unless another call comes between. */
  victim(): number;
}
