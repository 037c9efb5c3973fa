import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { XiaError } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { ConnectionHandle, ConnectionStats } from '../transport/index.js';
import { StreamCode } from '../wire/index.js';
import type { XiaStream } from './xia-stream.js';

/** Runs one input of the node's stack: gives it the time, and keeps the deadlines afterwards. */
export type Enter = <Result>(input: (now: number) => Result) => Result;

const READ_BYTES = 256 * 1024;
/** How long the end of a peer is waited for after the stream was destroyed. */
const PATIENCE_MS = 10_000;

/** Codes from here on are the application's own. */
const APPLICATION_CODES = 256;

/** The byte stream over one STREAM connection, in the clear, as a Node `Duplex` with its back-pressure. */
export class StreamSocket extends Duplex implements XiaStream {
  /** Nobody has proved anything on a plain stream. */
  readonly peerHid = undefined;
  /** The TLS that uses this stream. */
  above: TLSSocket | undefined;
  readonly #handle: ConnectionHandle;
  readonly #enter: Enter;
  #blocked: { rest: Uint8Array; callback: (error?: Error | null) => void } | undefined;
  #wanted = false;
  #ended = false;
  /** Our direction was ended. */
  #finished = false;
  /** Runs while a destroyed stream waits for the end of its peer's direction. */
  #patience: NodeJS.Timeout | undefined;
  #closed = false;
  /** Told to the peer when the stream is given up; by default it follows from the error. */
  #resetCode: number | undefined;
  #outcome: { readonly error: XiaError | undefined } | undefined;
  readonly #watchers: Array<(error: XiaError | undefined) => void> = [];

  constructor(handle: ConnectionHandle, enter: Enter) {
    super({ allowHalfOpen: true, readableHighWaterMark: READ_BYTES, writableHighWaterMark: READ_BYTES });
    this.#handle = handle;
    this.#enter = enter;
  }

  /** Whether nothing more is to be written; TLS ends the stream below only when that has taken all that was written to it. */
  get isEnding(): boolean {
    return this.writableEnded || this.above?.writableEnded === true;
  }

  /** The address that the peer has now. It changes when the peer moves. */
  get peerDag(): Dag {
    return this.#handle.peerDag;
  }

  /** This end's address as it is now. */
  get localDag(): Dag {
    return this.#handle.localDag;
  }

  /** Counters and estimates of the connection. */
  get stats(): ConnectionStats {
    return this.#handle.stats;
  }

  /** The connection's identifier at this end, for logs. */
  get connectionId(): number {
    return this.#handle.id;
  }

  exportKey(): never {
    throw new XiaError('bad-argument', 'a plain stream has no secret to derive keys from');
  }

  /** Gives the stream up in both directions and tells the peer why: a code of `StreamCode`, or one of the application from 256. */
  reset(code: number): void {
    this.#resetCode = code;
    this.destroy();
  }

  /**
   * Resolves when the connection is over in good order: both directions have ended, and the peer has everything.
   * @throws XiaError why it is over otherwise: `connection-closed`, `refused`
   */
  async untilOver(): Promise<void> {
    const { error } = this.#outcome ?? { error: await new Promise<XiaError | undefined>((resolve) => this.#watchers.push(resolve)) };
    if (error !== undefined) throw error;
  }

  /** Bytes arrived. */
  onReadable(): void {
    if (this.#patience !== undefined) this.#giveUp();
    else if (this.#wanted) this.#pull();
  }

  /** Room in the send buffer. */
  onWritable(): void {
    const blocked = this.#blocked;
    if (blocked === undefined) return;
    this.#blocked = undefined;
    this.#push(blocked.rest, blocked.callback);
  }

  /** The peer has sent its last byte. */
  onEnd(): void {
    this.#ended = true;
    this.#stopWaiting();
    if (this.destroyed) return;
    if (this.#wanted) this.#pull();
  }

  /** The connection is over; `code` says why when it was not a clean close. */
  onClosed(error: XiaError | undefined): void {
    this.#closed = true;
    this.#stopWaiting();
    this.#outcome = { error };
    for (const watcher of this.#watchers.splice(0)) watcher(error);
    if (this.destroyed) return;
    if (error !== undefined) {
      this.destroy(error);
      return;
    }
    this.#ended = true;
    if (this.#wanted) this.#pull();
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.callback(new XiaError('connection-closed', 'the connection closed before everything was written'));
  }

  override _read(): void {
    this.#wanted = true;
    this.#pull();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#push(chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#finished = true;
    if (!this.#closed) this.#enter((now) => this.#handle.end(now));
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#closed) {
      this.#closed = true;
      const isInOrder = error === null && this.#resetCode === undefined && this.#finished && this.#handle.readable() === 0;
      if (isInOrder) this.#awaitPeer();
      else this.#giveUp(error);
    }
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.callback(error ?? new XiaError('interrupted', 'the stream was destroyed'));
    callback(error);
  }

  /**
   * We have ended our direction and nobody reads any more. What was written may still be on its way, so it is no time for a RESET as
   * long as the peer says nothing more than its own end, as after a close_notify of TLS.
   */
  #awaitPeer(): void {
    if (!this.#ended) this.#patience = setTimeout(() => this.#giveUp(), PATIENCE_MS).unref();
  }

  #stopWaiting(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #giveUp(error: Error | null = null): void {
    this.#stopWaiting();
    this.#enter((now) => this.#handle.reset(this.#resetCode ?? resetCodeOf(error), now));
  }

  #push(bytes: Uint8Array, callback: (error?: Error | null) => void): void {
    if (this.#closed) {
      callback(new XiaError('connection-closed', 'the connection is closed'));
      return;
    }
    const taken = this.#enter((now) => this.#handle.write(bytes, now));
    if (taken === bytes.length) callback();
    else this.#blocked = { rest: bytes.subarray(taken), callback };
  }

  #pull(): void {
    for (;;) {
      const bytes = this.#enter((now) => this.#handle.read(READ_BYTES, now));
      if (bytes === undefined || bytes.length === 0) break;
      if (!this.push(bytes)) {
        this.#wanted = false;
        return;
      }
    }
    if (!this.#ended || this.#handle.readable() > 0) return;
    this.#wanted = false;
    this.push(null);
  }
}

/** What the peer is told: the code of the application's error, if it has one. */
function resetCodeOf(error: Error | null): number {
  const code = error instanceof XiaError ? error.context['code'] : undefined;
  return typeof code === 'number' && code >= APPLICATION_CODES && code < 2 ** 32 ? code : StreamCode.ABORTED;
}
