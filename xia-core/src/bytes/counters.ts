/** How often each thing happened. Names are code constants, never text from the wire, so the table cannot grow by it. */
export class Counters<Name extends string> {
  readonly #counts = new Map<Name, number>();

  count(name: Name): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  get(name: Name): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Name -> count, sorted by name. */
  toJSON(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}
