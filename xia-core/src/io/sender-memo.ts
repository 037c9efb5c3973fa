import { equalBytes } from '../bytes/index.js';
import { decodeSockaddr, type SenderAddress } from './socket-address.js';

/** Senders remembered; when there are more, all are forgotten and begin anew. */
const MOST_SENDERS = 1024;
const NOBODY: SenderAddress = { address: '', port: 0 };

/** Who is behind the `sockaddr` of a datagram, as text, without making the text for each one. */
export class SenderMemo {
  readonly #byNumber = new Map<number, SenderAddress>();
  readonly #lastBytes = new Uint8Array(28);
  #last = NOBODY;

  of(sockaddr: Uint8Array): SenderAddress {
    if (equalBytes(sockaddr, this.#lastBytes)) return this.#last;
    this.#lastBytes.set(sockaddr);
    this.#last = this.#find(sockaddr);
    return this.#last;
  }

  /** IPv4 senders alternate at a router's face; an address and a port of theirs are one number. */
  #find(sockaddr: Uint8Array): SenderAddress {
    const key = ipv4Number(sockaddr);
    if (key < 0) return decodeSockaddr(sockaddr);
    const known = this.#byNumber.get(key);
    if (known !== undefined) return known;
    if (this.#byNumber.size >= MOST_SENDERS) this.#byNumber.clear();
    const sender = decodeSockaddr(sockaddr);
    this.#byNumber.set(key, sender);
    return sender;
  }
}

/** -1 for another family. */
function ipv4Number(sockaddr: Uint8Array): number {
  if (sockaddr[0] !== 2) return -1;
  const host = ((sockaddr[4]! << 24) | (sockaddr[5]! << 16) | (sockaddr[6]! << 8) | sockaddr[7]!) >>> 0;
  return host * 65_536 + sockaddr[2]! * 256 + sockaddr[3]!;
}
