import { TokenBucket } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { NextHeader, uncountedBytes, type XipView } from '../wire/index.js';
import { PrincipalType } from '../xid/index.js';
import { MINIMUM_MTU, type PathMtuTable } from './path-mtu.js';

/** Lowered limits that are believed: each path has few narrow links, and nobody talks to so many hosts in a second. */
const BELIEVED = { ratePerSecond: 10, burst: 50 };
/** Messages that are looked into: that costs a walk over all connections. */
const LOOKS = { ratePerSecond: 200, burst: 200 };
/** Large datagrams and echoes that are remembered. */
const REMEMBERED = 64;
const CID_BYTES = 20;

export interface TooBigOptions {
  readonly table: PathMtuTable;
  /** Whether a STREAM connection to this address begins its packets with these bytes. */
  readonly hasConnection: (destination: Dag, payload: Uint8Array) => boolean;
  /** Whether there is a chunk here whose segments we may have sent. */
  readonly hasChunk: (cid: Uint8Array) => boolean;
}

/**
 * Decides which "too big" messages are believed. Whoever is not on the path could send them, too, and make every packet of ours
 * small (RFC 8201 section 6): so the packet that is quoted must be one that we may well have sent, larger than what it is said
 * to have met; and only so many in a second change anything.
 */
export class TooBigJudge {
  readonly #options: TooBigOptions;
  readonly #looks = new TokenBucket(LOOKS.ratePerSecond, LOOKS.burst);
  readonly #believed = new TokenBucket(BELIEVED.ratePerSecond, BELIEVED.burst);
  /** Destinations of the large datagrams and echoes sent last, in a ring. */
  readonly #sent: (string | undefined)[] = Array.from({ length: REMEMBERED });
  #nextSent = 0;
  /** Messages heard, by what became of them. */
  readonly counters = { believed: 0, unchanged: 0, unsent: 0, limited: 0 };

  constructor(options: TooBigOptions) {
    this.#options = options;
  }

  /** A datagram or an echo of ours leaves; `bytes` is its XIP packet. */
  sent(destination: Dag, bytes: number): void {
    if (bytes <= MINIMUM_MTU) return;
    this.#sent[this.#nextSent] = destination.find(PrincipalType.HID)?.key;
    this.#nextSent = (this.#nextSent + 1) % REMEMBERED;
  }

  /** A message says that the quoted packet, which names this host as its source, met a face with this MTU. */
  heard(quote: XipView, destination: Dag, mtu: number, now: number): void {
    const hid = destination.find(PrincipalType.HID);
    if (!this.#looks.take(now)) {
      this.counters.limited++;
      return;
    }
    if (hid === undefined || mtu < MINIMUM_MTU || quotedBytes(quote) <= mtu || !this.#mayBeOurs(quote, destination)) {
      this.counters.unsent++;
    } else if (mtu >= this.#options.table.limit(hid, now)) {
      this.counters.unchanged++;
    } else if (!this.#believed.take(now)) {
      this.counters.limited++;
    } else {
      this.#options.table.learn(hid, mtu, now);
      this.counters.believed++;
    }
  }

  #mayBeOurs(quote: XipView, destination: Dag): boolean {
    const { hasConnection, hasChunk } = this.#options;
    switch (quote.nextHeader) {
      case NextHeader.STREAM:
        return hasConnection(destination, quote.payload());
      case NextHeader.CHUNK: {
        const last = quote.destinationCount + quote.sourceCount - 1;
        const at = quote.nodeIdOffset(last);
        return quote.nodeType(last) === PrincipalType.CID && hasChunk(quote.bytes.slice(at, at + CID_BYTES));
      }
      default:
        return this.#sent.includes(destination.find(PrincipalType.HID)?.key ?? '');
    }
  }
}

/** How long the packet was of which a quote is the beginning. */
function quotedBytes({ bytes, nextHeader, headerBytes, payloadLength }: XipView): number {
  return headerBytes + payloadLength + uncountedBytes(bytes, nextHeader, headerBytes);
}
