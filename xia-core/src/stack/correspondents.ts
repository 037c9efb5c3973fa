import type { Dag } from '../dag/index.js';
import type { MovedHosts, NameClient } from '../mobility/index.js';
import type { StreamEvent } from '../transport/index.js';
import { StreamCode } from '../wire/stream.js';
import { PrincipalType } from '../xid/index.js';

/** Tells what remembers where others are of what happens to the packets to them. */
export class Correspondents {
  readonly #moved: () => MovedHosts;
  readonly #names: () => NameClient;

  constructor(moved: () => MovedHosts, names: () => NameClient) {
    this.#moved = moved;
    this.#names = names;
  }

  /** Nobody answers at an address: a redirect to there is forgotten, and the name service asked where the host is now. */
  unanswered(dag: Dag, now: number): void {
    this.#moved().failed(dag);
    const hid = dag.find(PrincipalType.HID);
    if (hid !== undefined) this.#names().hostFailed(hid, now);
  }

  /** What the peer of a connection proves is newer than any redirect; one that is silent may be elsewhere. */
  streamEvent(event: StreamEvent, now: number): void {
    if (event.kind === 'peer-moved') this.#moved().seenAt(event.to);
    if (event.kind !== 'closed' || event.by === 'peer') return;
    if (event.code === StreamCode.TIMEOUT || event.code === StreamCode.OPEN_TIMEOUT) this.unanswered(event.connection.peerDag, now);
  }
}
