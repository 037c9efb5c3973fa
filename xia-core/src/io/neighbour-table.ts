import { XiaError, type Gauge } from '../bytes/index.js';

/**
 * The neighbours of a face by transport address: small ids from 1 on, at most `capacity` of them.
 *
 * Pinned neighbours keep their id for ever. When a new one is heard and the table is full, the id of the least recently
 * heard one that is not pinned is taken for it, after `onEvicted` was told.
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
  }

  /** How many neighbours are known. Their ids are exactly 1..size. */
  get size(): number {
    return this.#addresses.length - 1;
  }

  /**
   * Adds a neighbour that is never evicted. All pinned ones come before the first `heard`, so their ids are 1..n.
   * @returns its id; the same again when it is pinned already
   * @throws XiaError `bad-config` when no place would be left for a neighbour that is not pinned
   */
  pin(address: string, port: number): number {
    const known = this.#find(address, port);
    if (known !== 0) return known;
    if (this.#pinned !== this.size || this.#pinned + 1 >= this.#capacity) {
      throw new XiaError('bad-config', `at most ${this.#capacity - 1} peers can be configured, before a face is opened`, {
        capacity: this.#capacity,
      });
    }
    this.#pinned++;
    return this.#append(address, port);
  }

  /** The id of the neighbour that a datagram came from, which is now the most recently heard. */
  heard(address: string, port: number): number {
    if (port === this.#lastPort && address === this.#lastAddress) return this.#lastId;
    let id = this.#find(address, port);
    if (id === 0) {
      id = this.size < this.#capacity ? this.#append(address, port) : this.#reuse(address, port);
      this.#linkAsNewest(id);
    } else if (id > this.#pinned && this.#previous[0] !== id) {
      this.#unlink(id);
      this.#linkAsNewest(id);
    }
    this.#lastAddress = address;
    this.#lastPort = port;
    this.#lastId = id;
    return id;
  }

  gauge(): Gauge {
    // Ids are used again, never given up: there are as many neighbours as there ever were.
    const used = this.size;
    return { name: 'neighbours', unit: 'entries', used, highWater: used, bound: this.#capacity, refused: this.#evicted };
  }

  has(id: number): boolean {
    return id >= 1 && id <= this.size;
  }

  /** The address of a neighbour; the empty string for an id that is nobody's. */
  addressOf(id: number): string {
    return this.#addresses[id] ?? '';
  }

  /** The port of a neighbour; 0 for an id that is nobody's. */
  portOf(id: number): number {
    return this.#ports[id] ?? 0;
  }

  #find(address: string, port: number): number {
    return this.#idsByAddress.get(address)?.get(port) ?? 0;
  }

  #append(address: string, port: number): number {
    const id = this.#addresses.length;
    this.#addresses.push(address);
    this.#ports.push(port);
    this.#index(address, port, id);
    return id;
  }

  #reuse(address: string, port: number): number {
    const id = this.#next[0]!;
    this.#unlink(id);
    const oldAddress = this.#addresses[id]!;
    const ports = this.#idsByAddress.get(oldAddress)!;
    ports.delete(this.#ports[id]!);
    if (ports.size === 0) this.#idsByAddress.delete(oldAddress);
    this.#evicted++;
    this.#onEvicted(id);
    this.#addresses[id] = address;
    this.#ports[id] = port;
    this.#index(address, port, id);
    return id;
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
