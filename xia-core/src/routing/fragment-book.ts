import type { Xid } from '../xid/index.js';

export interface Shape {
  readonly firstFragment: number;
  readonly maxFragments: number;
  readonly perFragment: number;
}

/**
 * Which fragment each link or host is announced in. An entry stays where it is, so that a change touches one fragment; a
 * new one goes where there is room.
 */
export class FragmentBook {
  readonly #shape: Shape;
  readonly #places = new Map<string, number>();
  readonly #fragments: Array<Map<string, readonly [Xid, number]>> = [];
  /** Fragments that are no longer what was announced. */
  readonly dirty = new Set<number>();

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  get size(): number {
    return this.#places.size;
  }

  get(key: string): number | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#fragments[place]!.get(key)![1];
  }

  /** False when there is no room for another one. */
  set(hid: Xid, value: number): boolean {
    if (this.get(hid.key) === value) return true;
    const place = this.#places.get(hid.key) ?? this.#room();
    if (place === undefined) return false;
    this.#fragments[place]!.set(hid.key, [hid, value]);
    this.#places.set(hid.key, place);
    this.dirty.add(this.#shape.firstFragment + place);
    return true;
  }

  delete(key: string): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#fragments[place]!.delete(key);
    this.dirty.add(this.#shape.firstFragment + place);
  }

  /** What a fragment has to say. */
  contents(fragment: number): Array<readonly [Xid, number]> {
    return [...(this.#fragments[fragment - this.#shape.firstFragment]?.values() ?? [])];
  }

  #room(): number | undefined {
    const { maxFragments, perFragment } = this.#shape;
    const place = this.#fragments.findIndex(({ size }) => size < perFragment);
    if (place >= 0) return place;
    if (this.#fragments.length >= maxFragments) return undefined;
    return this.#fragments.push(new Map()) - 1;
  }
}
