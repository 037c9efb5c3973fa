import type { Duplex } from 'node:stream';
import type { Dag, Xid } from 'xia-core';

/** What the transfer shells need of a node and its streams; `XiaNode` and `XiaStream` fit. */
export interface ControlStream extends Duplex {
  /** The peer's address as it is now. */
  readonly peerDag: Dag;
  /** The shortest round trip so far, ms. */
  readonly stats: { readonly minRttMs: number };
  /** The HID whose key the peer has proved to hold. */
  readonly peerHid: Xid | undefined;
  /** Key material that both ends of this secure stream share (RFC 8446 section 7.5). */
  exportKey(label: string, length: number): Uint8Array;
}

/** The machine that takes the stream, where it can be told not to start by itself. */
export interface LoadingMachine {
  /** Aborted when the machine is gone. */
  readonly gone: AbortSignal;
  /** Resolves when the machine has the whole VM and holds it; rejects when it cannot load it. */
  untilLoaded(signal: AbortSignal): Promise<void>;
  /** Runs the VM. Rejects when it does not run. */
  start(): Promise<void>;
  /** Ends a machine that holds a VM which is not its own. */
  discard(): Promise<void>;
}

/** Memory that is used over and over. */
export interface MemoryLender {
  /** Memory for so many bytes, with anything in it, which `recycle` takes back. */
  lend(length: number): Uint8Array;
  /** Takes the memory of a fetched chunk, or what was lent, back; nobody reads it any more. */
  recycle(bytes: Uint8Array): void;
}

export interface ChunkPublisher extends MemoryLender {
  publish(bytes: Uint8Array): { readonly cid: Xid };
  unpublish(cid: Xid): void;
}

export interface ChunkFetcher extends MemoryLender {
  /** @param options.verify says in place of the hash whether these bytes are the chunk */
  fetch(dag: Dag, options: { length: number; signal: AbortSignal; verify: (bytes: Uint8Array) => boolean }): Promise<Uint8Array>;
}
