import { readU32BE, writeU32BE, type Xid } from 'xia-core';
import * as v from 'valibot';
import { serviceSid } from '../common/service-sid.js';

/** Counts the datagrams of a flow, DGRAM. */
export const SID_FLOW: Xid = serviceSid('flow');

const DATA = 1;
const QUESTION = 2;
const HEADER_BYTES = 9;
/** Datagrams of a flow that are told apart. */
const LONGEST_FLOW = 1 << 20;
/** An account fits into one datagram of a guest. */
const RANGES_TOLD = 60;

const accountSchema = v.object({
  flow: v.number(),
  received: v.number(),
  duplicates: v.number(),
  /** All that are missing. */
  lost: v.number(),
  /** The first of them, as sequences from and to. */
  missing: v.array(v.tuple([v.number(), v.number()])),
});
/** What became of a flow's datagrams at the machine that they went to. */
export type FlowAccount = v.InferOutput<typeof accountSchema>;

function message(kind: number, flow: number, value: number, sizeBytes = HEADER_BYTES): Uint8Array {
  const bytes = new Uint8Array(Math.max(HEADER_BYTES, sizeBytes));
  bytes[0] = kind;
  writeU32BE(bytes, 1, flow);
  writeU32BE(bytes, 5, value);
  return bytes;
}

/** The datagram with a sequence, from 0 on. */
export function flowDatagram(flow: number, sequence: number, sizeBytes: number): Uint8Array {
  return message(DATA, flow, sequence, sizeBytes);
}

/** Asks what arrived of the `sent` datagrams of a flow. */
export function flowQuestion(flow: number, sent: number): Uint8Array {
  return message(QUESTION, flow, sent);
}

/** The answer to a question; undefined for anything else. */
export function parseFlowAccount(bytes: Uint8Array): FlowAccount | undefined {
  try {
    return v.parse(accountSchema, JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    return undefined;
  }
}

/** Counts the datagrams of one flow at a time: the first of another one begins a new account. */
export class FlowSink {
  #flow = -1;
  #arrived = new Uint8Array(0);
  #received = 0;
  #duplicates = 0;

  /** Takes a datagram, and gives the answer to one that asks. */
  take(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < HEADER_BYTES) return undefined;
    const [kind, flow, value] = [bytes[0], readU32BE(bytes, 1), readU32BE(bytes, 5)];
    if (kind === QUESTION) return Buffer.from(JSON.stringify(this.#account(flow, Math.min(value, LONGEST_FLOW))));
    if (kind === DATA && value < LONGEST_FLOW) this.#count(flow, value);
    return undefined;
  }

  #count(flow: number, sequence: number): void {
    if (flow !== this.#flow) {
      this.#flow = flow;
      this.#arrived = new Uint8Array(LONGEST_FLOW);
      this.#received = 0;
      this.#duplicates = 0;
    }
    if (this.#arrived[sequence] === 1) this.#duplicates++;
    else this.#received++;
    this.#arrived[sequence] = 1;
  }

  #account(flow: number, sent: number): FlowAccount {
    const isKnown = flow === this.#flow;
    const missing: [number, number][] = [];
    let lost = 0;
    let last = -2;
    for (let sequence = 0; sequence < sent; sequence++) {
      if (isKnown && this.#arrived[sequence] === 1) continue;
      lost++;
      const range = missing.at(-1);
      if (range !== undefined && last === sequence - 1 && range[1] === last) range[1] = sequence;
      else if (missing.length < RANGES_TOLD) missing.push([sequence, sequence]);
      last = sequence;
    }
    const [received, duplicates] = isKnown ? [this.#received, this.#duplicates] : [0, 0];
    return { flow, received, duplicates, lost, missing };
  }
}
