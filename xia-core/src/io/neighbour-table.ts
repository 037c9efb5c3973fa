import { XiaError, type Gauge } from '../bytes/index.js';

/**
 * The neighbours of a face by transport address: small ids from 1 on, at most `capacity` of them.
 *
 * Pinned neighbours keep their id until they are removed. When a new one is heard and the table is full, the id of the
 * least recently heard one that is not pinned is taken for it, after `onEvicted` was told.
 *
 * `heard` is called for every datagram, so it makes no key string: it compares with the last sender, then asks two
 * maps, and keeps the order of hearing as a doubly linked list in two integer arrays.
 */
export class NeighbourTable {
  readonly #capacity: number;
  readonly #onEvicted: (id: number) => void;
  readonly #idsByAddress = new Map<string, Map<number, number>>();
  /** By id; index 0 is nobody. */
  readonly #addresses: string[] = [''];
  readonly #ports: number[] = [0];
  /** The list of ids that are not pinned, least recently heard first; 0 is both its ends. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** By id: 1 for one that is pinned. */
  readonly #isPinned: Uint8Array;
  /** Ids of neighbours that were removed, for the next ones. */
  readonly #free: number[] = [];
  #pinned = 0;
  #evicted = 0;
  #lastAddress = '';
  #lastPort = -1;
  #lastId = 0;

  constructor(capacity = 4096, onEvicted: (id: number) => void = () => {}) {
    this.#capacity = capacity;
    this.#onEvicted = onEvicted;
    this.#next = new Int32Array(capacity + 1);
    this.#previous = new Int32Array(capacity + 1);
    this.#isPinned = new Uint8Array(capacity + 1);
  }

  /** The largest id that is, or was, given out. Ids up to it that `has` does not know are nobody's for now. */
  get size(): number {
    return this.#addresses.length - 1;
  }

  /** How many more neighbours can be pinned. */
  get room(): number {
    return this.#capacity - 1 - this.#pinned;
  }

  /**
   * Makes a neighbour one that is never evicted; it keeps the id that it has. Those pinned first get the ids 1..n.
   * @returns its id; the same again when it is pinned already
   * @throws XiaError `bad-config` when no place would be left for a neighbour that is not pinned
   */
  pin(address: string, port: number): number {
    const known = this.find(address, port);
    if (this.#isPinned[known] === 1) return known;
    if (this.room <= 0) {
      throw new XiaError('bad-config', `at most ${this.#capacity - 1} peers can be configured`, { capacity: this.#capacity });
    }
    this.#pinned++;
    if (known !== 0) this.#unlink(known);
    const id = known === 0 ? this.#place(address, port) : known;
    this.#isPinned[id] = 1;
    return id;
  }

  /** Forgets a neighbour, pinned or not. Its id may be given to another one. Returns it, or 0 when it was not known. */
  remove(address: string, port: number): number {
    const id = this.find(address, port);
    if (id === 0) return 0;
    if (this.#isPinned[id] === 1) this.#pinned--;
    else this.#unlink(id);
    this.#isPinned[id] = 0;
    this.#unindex(id);
    this.#addresses[id] = '';
    this.#ports[id] = 0;
    this.#free.push(id);
    this.#lastPort = -1;
    return id;
  }

  /** The id of the neighbour that a datagram came from, which is now the most recently heard. */
  heard(address: string, port: number): number {
    if (port === this.#lastPort && address === this.#lastAddress) return this.#lastId;
    let id = this.find(address, port);
    if (id === 0) {
      id = this.#place(address, port);
      this.#linkAsNewest(id);
    } else if (this.#isPinned[id] === 0 && this.#previous[0] !== id) {
      this.#unlink(id);
      this.#linkAsNewest(id);
    }
    this.#lastAddress = address;
    this.#lastPort = port;
    this.#lastId = id;
    return id;
  }

  gauge(): Gauge {
    // Ids are used again before a new one is given out: the last one says how many neighbours there ever were at a time.
    const used = this.size - this.#free.length;
    return { name: 'neighbours', unit: 'entries', used, highWater: this.size, bound: this.#capacity, refused: this.#evicted };
  }

  has(id: number): boolean {
    return id >= 1 && id <= this.size && this.#ports[id] !== 0;
  }

  /** The address of a neighbour; the empty string for an id that is nobody's. */
  addressOf(id: number): string {
    return this.#addresses[id] ?? '';
  }

  /** The port of a neighbour; 0 for an id that is nobody's. */
  portOf(id: number): number {
    return this.#ports[id] ?? 0;
  }

  /** The id of a neighbour, 0 when it is not known. */
  find(address: string, port: number): number {
    return this.#idsByAddress.get(address)?.get(port) ?? 0;
  }

  /** Gives an id to a neighbour that has none: a free one, a new one, or that of the least recently heard. */
  #place(address: string, port: number): number {
    const id = this.#free.pop() ?? (this.size < this.#capacity ? this.size + 1 : this.#evict());
    this.#addresses[id] = address;
    this.#ports[id] = port;
    this.#index(address, port, id);
    return id;
  }

  #evict(): number {
    const id = this.#next[0]!;
    this.#unlink(id);
    this.#unindex(id);
    this.#evicted++;
    this.#onEvicted(id);
    // It may be the one that was heard last.
    this.#lastPort = -1;
    return id;
  }

  #unindex(id: number): void {
    const address = this.#addresses[id]!;
    const ports = this.#idsByAddress.get(address)!;
    ports.delete(this.#ports[id]!);
    if (ports.size === 0) this.#idsByAddress.delete(address);
  }

  #index(address: string, port: number, id: number): void {
    const ports = this.#idsByAddress.get(address);
    if (ports === undefined) this.#idsByAddress.set(address, new Map([[port, id]]));
    else ports.set(port, id);
  }

  #linkAsNewest(id: number): void {
    const newest = this.#previous[0]!;
    this.#next[newest] = id;
    this.#previous[id] = newest;
    this.#next[id] = 0;
    this.#previous[0] = id;
  }

  #unlink(id: number): void {
    const before = this.#previous[id]!;
    const after = this.#next[id]!;
    this.#next[before] = after;
    this.#previous[after] = before;
  }
}
