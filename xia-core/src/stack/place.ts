import { hostDag, serviceDag, type Dag } from '../dag/index.js';
import type { Xid } from '../xid/index.js';

/** Where a node is, and so what its address is. */
export class Place {
  readonly #hid: Xid;
  #ad: Xid | undefined;
  #dag: Dag;

  constructor(hid: Xid, ad: Xid | undefined) {
    this.#hid = hid;
    this.#ad = ad;
    this.#dag = hostDag(ad, hid);
  }

  /** The AD that the node is in; undefined before it attached. */
  get ad(): Xid | undefined {
    return this.#ad;
  }

  set ad(ad: Xid | undefined) {
    this.#ad = ad;
    this.#dag = hostDag(ad, this.#hid);
  }

  /** The node's address as it is now, the same object until it changes, or that of a service on it. */
  dag(sid?: Xid): Dag {
    return sid === undefined ? this.#dag : serviceDag(this.#ad, this.#hid, sid);
  }
}
