import { copyBytes, type Gauge } from '../bytes/index.js';
import { XIP_NODE_BYTES } from '../dag/index.js';
import { NextHeader, XIP_HEADER_BYTES } from '../wire/index.js';
import { SID_BOOTSTRAP } from '../xid/index.js';

/** More of them than any move has; what comes beyond is looked at as it comes. */
const MAX_WAITING = 64;

interface Message {
  readonly face: number;
  readonly neighbour: number;
  readonly bytes: Uint8Array;
}

/**
 * Messages of mobility that came in together with other packets, and wait for these. Each has signatures to check, which takes a machine whose
 * code is translated anew after a move a tenth of a second; what it was asked meanwhile is answered first, and between any two of them.
 */
export class LaterMessages {
  readonly #receive: (face: number, neighbour: number, bytes: Uint8Array) => void;
  readonly #waiting: Message[] = [];
  #immediate: NodeJS.Immediate | undefined;
  #highWater = 0;
  #refused = 0;

  constructor(receive: (face: number, neighbour: number, bytes: Uint8Array) => void) {
    this.#receive = receive;
  }

  /**
   * Takes a packet that can wait; `receive` follows in a later turn of the event loop.
   * @param lent the bytes are somebody else's afterwards
   * @returns false when it is to be looked at now
   */
  take(face: number, neighbour: number, bytes: Uint8Array, lent: boolean): boolean {
    if (!isMobilityMessage(bytes)) return false;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#refused++;
      return false;
    }
    this.#waiting.push({ face, neighbour, bytes: lent ? copyBytes(bytes) : bytes });
    this.#highWater = Math.max(this.#highWater, this.#waiting.length);
    this.#immediate ??= setImmediate(this.#next);
    return true;
  }

  gauge(): Gauge {
    const [used, highWater] = [this.#waiting.length, this.#highWater];
    return { name: 'messages for later', unit: 'entries', used, highWater, bound: MAX_WAITING, refused: this.#refused };
  }

  close(): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    this.#waiting.length = 0;
  }

  readonly #next = (): void => {
    const message = this.#waiting.shift();
    // Sockets have their turn before the next one.
    this.#immediate = this.#waiting.length > 0 ? setImmediate(this.#next) : undefined;
    if (message !== undefined) this.#receive(message.face, message.neighbour, message.bytes);
  };
}

/** Whether a packet is for the service that all mobility goes to. What is wrong with it is found out later. */
function isMobilityMessage(bytes: Uint8Array): boolean {
  if (bytes[1] !== NextHeader.TRANSPORT) return false;
  const sink = XIP_HEADER_BYTES + XIP_NODE_BYTES * (bytes[5]! - 1) + 4;
  const { id } = SID_BOOTSTRAP;
  for (let index = id.length - 1; index >= 0; index--) if (bytes[sink + index] !== id[index]) return false;
  return true;
}
