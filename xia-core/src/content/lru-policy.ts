import { FifoPolicy } from './fifo-policy.js';

/** Least recently used goes first. */
export class LruPolicy extends FifoPolicy {
  override used(entry: number): void {
    this.list.moveToTail(entry);
  }
}
