import { EntryList } from './entry-list.js';
import type { EvictionPolicy } from './eviction-policy.js';

/** First in, first out: use does not matter. */
export class FifoPolicy implements EvictionPolicy {
  protected readonly list = new EntryList();

  inserted(entry: number): void {
    this.list.append(entry);
  }

  used(_entry: number): void {}

  removed(entry: number): void {
    this.list.take(entry);
  }

  victim(): number {
    return this.list.head;
  }
}
