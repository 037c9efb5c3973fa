import type { Gauge } from '../bytes/index.js';
import { Errno } from './errno.js';
import type { UnixCalls } from './unix-calls.js';
import { UnixLink } from './unix-link.js';

export interface UnixNeighboursHandler {
  /** There is something to take or to send: `attend` is due, not from inside this. */
  readonly ready: () => void;
  readonly announced: (id: number) => void;
  readonly gone: (id: number) => void;
}

interface Neighbour {
  readonly id: number;
  /** Of a configured peer. */
  readonly path: string | undefined;
  link: UnixLink | undefined;
  /** Connects again. */
  timer: NodeJS.Timeout | undefined;
  retryMs: number;
  /** It is in the list of those that something is to be done for. */
  isReady: boolean;
}

const MOST_NEIGHBOURS = 1024;
const LEAST_RETRY_MS = 50;
const MOST_RETRY_MS = 1000;

/** Whoever is at the other end of a connection of a `UnixFace`: those that connected, and peers that it connects to. */
export class UnixNeighbours {
  readonly #handler: UnixNeighboursHandler;
  /** By id less 1. */
  readonly #all: (Neighbour | undefined)[] = [];
  #peers: readonly string[] = [];
  #ready: Neighbour[] = [];
  #calls: UnixCalls | undefined;
  #mostUnsentBytes = 0;
  #most = 0;
  refused = 0;

  constructor(peers: readonly string[], handler: UnixNeighboursHandler) {
    this.#handler = handler;
    this.setPeers(peers);
  }

  /** Peers that stay keep their connection. */
  setPeers(peers: readonly string[]): void {
    const removed = this.#all.filter((neighbour) => neighbour?.path !== undefined && !peers.includes(neighbour.path));
    const added = peers.filter((path) => !this.#peers.includes(path));
    this.#peers = peers;
    for (const neighbour of removed) this.#remove(neighbour!);
    for (const path of added) {
      const neighbour = this.#add(path);
      if (this.#calls !== undefined) this.#connect(neighbour);
    }
  }

  start(calls: UnixCalls): void {
    this.#calls = calls;
    for (const neighbour of this.#all) if (neighbour?.path !== undefined) this.#connect(neighbour);
  }

  /** The connection of a neighbour; undefined while there is none. */
  link(id: number): UnixLink | undefined {
    return this.#all[id - 1]?.link;
  }

  links(): readonly UnixLink[] {
    return this.#all.flatMap((neighbour) => neighbour?.link ?? []);
  }

  /** Takes those that wait to be neighbours. */
  accept(listenFd: number): void {
    const calls = this.#calls;
    if (calls === undefined) return;
    for (;;) {
      const fd = calls.accept(listenFd);
      if (fd === -Errno.INTERRUPTED) continue;
      if (fd < 0) return;
      if (this.#count() >= MOST_NEIGHBOURS) {
        this.refused++;
        calls.close(fd);
        continue;
      }
      this.#linked(this.#add(undefined), calls, fd);
    }
  }

  /** Sends what could not be sent, and takes up to `most` messages of each that has some. */
  attend(memory: Uint8Array, most: number, take: (id: number, bytes: number) => void): void {
    const calls = this.#calls;
    if (calls === undefined) return;
    const ready = this.#ready;
    this.#ready = [];
    for (const neighbour of ready) {
      neighbour.isReady = false;
      neighbour.link?.resume();
      this.#drain(neighbour, calls, memory, most, take);
    }
  }

  describe(): { readonly id: number; readonly path: string | undefined; readonly isConnected: boolean }[] {
    return this.#all.flatMap((neighbour) =>
      neighbour === undefined ? [] : [{ id: neighbour.id, path: neighbour.path, isConnected: neighbour.link !== undefined }],
    );
  }

  unsent(): { readonly used: number; readonly highWater: number } {
    const links = this.links();
    const used = Math.max(0, ...links.map(({ unsentBytes }) => unsentBytes));
    return { used, highWater: Math.max(this.#mostUnsentBytes, ...links.map(({ mostUnsentBytes }) => mostUnsentBytes)) };
  }

  gauge(): Gauge {
    return {
      name: 'neighbours',
      unit: 'entries',
      used: this.#count(),
      highWater: this.#most,
      bound: MOST_NEIGHBOURS,
      refused: this.refused,
    };
  }

  close(): void {
    this.#calls = undefined;
    for (const neighbour of this.#all) if (neighbour !== undefined) this.#unlink(neighbour);
    for (let index = 0; index < this.#all.length; index++) if (this.#all[index]?.path === undefined) this.#all[index] = undefined;
  }

  #drain(neighbour: Neighbour, calls: UnixCalls, memory: Uint8Array, most: number, take: (id: number, bytes: number) => void): void {
    for (let taken = 0; taken < most; taken++) {
      const { link } = neighbour;
      if (link === undefined) return;
      const bytes = calls.receive(link.fd, memory);
      if (bytes > 0) take(neighbour.id, bytes);
      else if (bytes === -Errno.INTERRUPTED) continue;
      else return bytes === -Errno.AGAIN ? undefined : this.#lost(neighbour);
    }
  }

  #add(path: string | undefined): Neighbour {
    const free = this.#all.indexOf(undefined);
    const index = free < 0 ? this.#all.length : free;
    const neighbour: Neighbour = { id: index + 1, path, link: undefined, timer: undefined, retryMs: LEAST_RETRY_MS, isReady: false };
    this.#all[index] = neighbour;
    this.#most = Math.max(this.#most, this.#count());
    return neighbour;
  }

  #connect(neighbour: Neighbour): void {
    const calls = this.#calls;
    if (calls === undefined || neighbour.path === undefined) return;
    const fd = calls.connect(neighbour.path);
    if (fd >= 0) return this.#linked(neighbour, calls, fd);
    neighbour.timer = setTimeout(() => this.#connect(neighbour), neighbour.retryMs);
    neighbour.retryMs = Math.min(2 * neighbour.retryMs, MOST_RETRY_MS);
  }

  #linked(neighbour: Neighbour, calls: UnixCalls, fd: number): void {
    neighbour.retryMs = LEAST_RETRY_MS;
    neighbour.link = new UnixLink(calls, fd, () => {
      if (!neighbour.isReady) this.#ready.push(neighbour);
      neighbour.isReady = true;
      this.#handler.ready();
    });
    this.#handler.announced(neighbour.id);
  }

  /** The other side is gone. Routes by a peer stay: it may come again. */
  #lost(neighbour: Neighbour): void {
    if (neighbour.path === undefined) return this.#remove(neighbour);
    this.#unlink(neighbour);
    neighbour.timer = setTimeout(() => this.#connect(neighbour), neighbour.retryMs);
  }

  #remove(neighbour: Neighbour): void {
    this.#unlink(neighbour);
    this.#all[neighbour.id - 1] = undefined;
    this.#handler.gone(neighbour.id);
  }

  #unlink(neighbour: Neighbour): void {
    clearTimeout(neighbour.timer);
    neighbour.timer = undefined;
    const { link } = neighbour;
    if (link === undefined) return;
    this.#mostUnsentBytes = Math.max(this.#mostUnsentBytes, link.mostUnsentBytes);
    neighbour.link = undefined;
    link.close();
  }

  #count(): number {
    return this.#all.reduce((count, neighbour) => count + (neighbour === undefined ? 0 : 1), 0);
  }
}
