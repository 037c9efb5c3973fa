import { readU32BE, XiaError } from '../bytes/index.js';
import { NextHeader, XIP_HEADER_BYTES, XIP_NODE_BYTES, XipView } from '../wire/index.js';
import { Xid, XID_ID_BYTES } from '../xid/index.js';

/** Which way a packet went, seen from the node. */
export type CaptureDirection = 'in' | 'out';

/** Names of next headers that a filter knows. `stream` is ours, `dgram` the transport header of the prototype. */
const protocols: ReadonlyMap<string, number> = new Map([
  ['xcmp', NextHeader.XCMP],
  ['dgram', NextHeader.TRANSPORT],
  ['chunk', NextHeader.CHUNK],
  ['stream', NextHeader.STREAM],
]);

const GRAMMAR = `words of: in, out, face NAME, ${[...protocols.keys()].join(', ')}, next NUMBER, host XID`;

/** What a filter is asked about. */
export interface FilteredPacket {
  readonly face: string;
  readonly direction: CaptureDirection;
  /** At least the header of the packet, where it is whole. */
  readonly bytes: Uint8Array;
}

/**
 * Which packets are wanted. Terms of one kind are alternatives, and of each kind that is named one must hold:
 * `in xcmp chunk host HID:…` takes what comes in, is XCMP or CHUNK, and has that HID in an address.
 */
export class CaptureFilter {
  readonly faces = new Set<string>();
  readonly #directions = new Set<CaptureDirection>();
  readonly #nextHeaders = new Set<number>();
  readonly #xids: Xid[] = [];
  readonly #view = new XipView();

  /**
   * Reads a filter; `and` may stand between its terms. No words: everything.
   * @throws XiaError `usage` naming the word that is wrong
   */
  static parse(text: string): CaptureFilter {
    const filter = new CaptureFilter();
    const words = text.split(/\s+/).filter((word) => word !== '' && word !== 'and');
    for (let word = words.shift(); word !== undefined; word = words.shift()) filter.#add(word, words);
    return filter;
  }

  matches({ face, direction, bytes }: FilteredPacket): boolean {
    if (this.faces.size > 0 && !this.faces.has(face)) return false;
    if (this.#directions.size > 0 && !this.#directions.has(direction)) return false;
    if (this.#nextHeaders.size === 0 && this.#xids.length === 0) return true;
    // A packet that cannot be read is of no protocol and names nobody.
    if (this.#view.resetQuoted(bytes) !== undefined) return false;
    if (this.#nextHeaders.size > 0 && !this.#nextHeaders.has(this.#view.nextHeader)) return false;
    return this.#xids.length === 0 || this.#xids.some((xid) => this.#names(xid));
  }

  /** Whether the XID is a node of one of the addresses of the packet in view. */
  #names(xid: Xid): boolean {
    const { bytes, headerBytes } = this.#view;
    for (let at = XIP_HEADER_BYTES; at < headerBytes; at += XIP_NODE_BYTES) {
      if (readU32BE(bytes, at) !== xid.type) continue;
      let same = 0;
      while (same < XID_ID_BYTES && bytes[at + 4 + same] === xid.id[same]) same++;
      if (same === XID_ID_BYTES) return true;
    }
    return false;
  }

  #add(word: string, rest: string[]): void {
    const value = () => {
      const next = rest.shift();
      if (next === undefined) throw refused(`"${word}" needs a value`);
      return next;
    };
    const nextHeader = protocols.get(word);
    if (nextHeader !== undefined) this.#nextHeaders.add(nextHeader);
    else if (word === 'in' || word === 'out') this.#directions.add(word);
    else if (word === 'face') this.faces.add(value());
    else if (word === 'next') this.#nextHeaders.add(nextHeaderOf(value()));
    else if (word === 'host') this.#xids.push(xidOf(value()));
    else throw refused(`"${word}" is no term`);
  }
}

function nextHeaderOf(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= 255) return Number(text);
  throw refused(`"next ${text}" needs a number from 0 to 255`);
}

function xidOf(text: string): Xid {
  try {
    return Xid.parse(text);
  } catch {
    throw refused(`"host ${text}" needs an XID, TYPE: and 40 hex digits`);
  }
}

function refused(reason: string): XiaError {
  return new XiaError('usage', `bad filter: ${reason}; a filter is ${GRAMMAR}`, { reason });
}
