import { copyBytes, equalBytes, RangeSet } from '../bytes/index.js';

/** Who may have answered parts of one chunk; what others answer beyond that counts as one nameless one's. */
const MAX_ANSWERERS = 8;

/** Who answered which bytes of a chunk, by the HID that their segments came from. */
export interface Answerer {
  /** 20 bytes; empty for those whose name is not known. */
  readonly hid: Uint8Array;
  readonly ranges: RangeSet;
}

/**
 * Who gave what of a chunk, so that not all of it need be thrown away when it turns out to be wrong. Anybody can write any name
 * into a segment: what is kept because of a name must be given up in the end, too.
 */
export class Answerers {
  readonly #list: Answerer[] = [];
  #latest: Answerer | undefined;

  get list(): readonly Answerer[] {
    return this.#list;
  }

  /** Notes that the node whose HID these 20 bytes are sent `[start, end)`. */
  note(hid: Uint8Array, start: number, end: number): void {
    let answerer = this.#latest;
    if (answerer === undefined || !equalBytes(answerer.hid, hid)) answerer = this.#find(hid);
    this.#latest = answerer;
    answerer.ranges.add(start, end);
  }

  /** Forgets one of them. */
  remove(answerer: Answerer): void {
    this.#list.splice(this.#list.indexOf(answerer), 1);
    this.#latest = undefined;
  }

  clear(): void {
    this.#list.length = 0;
    this.#latest = undefined;
  }

  #find(hid: Uint8Array): Answerer {
    const known = this.#list.find((answerer) => equalBytes(answerer.hid, hid));
    if (known !== undefined) return known;
    const last = this.#list.at(-1);
    if (this.#list.length >= MAX_ANSWERERS && last !== undefined) return last;
    const isLast = this.#list.length === MAX_ANSWERERS - 1;
    const answerer = { hid: isLast ? new Uint8Array(0) : copyBytes(hid, 0, hid.length), ranges: new RangeSet() };
    this.#list.push(answerer);
    return answerer;
  }
}
