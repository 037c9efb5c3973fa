import { Duplex } from 'node:stream';
import { XiaError } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { ConnectionHandle, ConnectionStats } from '../transport/index.js';
import { StreamCode } from '../wire/index.js';
import type { XiaStream } from './xia-stream.js';

/** Runs one input of the node's stack: gives it the time, and keeps the deadlines afterwards. */
export type Enter = <Result>(input: (now: number) => Result) => Result;

const READ_BYTES = 256 * 1024;
/** How long a stream that was destroyed after its end waits for the peer's. */
const HANG_UP_MS = 10_000;

/** The byte stream over one STREAM connection, in the clear, as a Node `Duplex` with its back-pressure. */
export class StreamSocket extends Duplex implements XiaStream {
  /** Nobody has proved anything on a plain stream. */
  readonly peerHid = undefined;
  readonly #handle: ConnectionHandle;
  readonly #enter: Enter;
  #blocked: { rest: Uint8Array; callback: (error?: Error | null) => void } | undefined;
  #wanted = false;
  #ended = false;
  #closed = false;
  #hangUpTimer: NodeJS.Timeout | undefined;
  #resetCode: number = StreamCode.ABORTED;
  #outcome: { readonly error: XiaError | undefined } | undefined;
  readonly #watchers: Array<(error: XiaError | undefined) => void> = [];

  constructor(handle: ConnectionHandle, enter: Enter) {
    super({ allowHalfOpen: true, readableHighWaterMark: READ_BYTES, writableHighWaterMark: READ_BYTES });
    this.#handle = handle;
    this.#enter = enter;
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
    if (this.#hangUpTimer !== undefined) this.#discard();
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
    if (this.#wanted) this.#pull();
  }

  /** The connection is over; `code` says why when it was not a clean close. */
  onClosed(error: XiaError | undefined): void {
    this.#closed = true;
    clearTimeout(this.#hangUpTimer);
    this.#outcome = { error };
    for (const watcher of this.#watchers.splice(0)) watcher(error);
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
    if (!this.#closed) this.#enter((now) => this.#handle.end(now));
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#closed) {
      this.#closed = true;
      // All of ours is on its way. What has ended by a word above, as TLS does, is destroyed before the end of the peer's
      // direction has come; giving it up now would take back what the peer does not have yet.
      if (error === null && this.writableFinished && this.#resetCode === StreamCode.ABORTED) this.#awaitEnd();
      else this.#giveUp();
    }
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.callback(error ?? new XiaError('interrupted', 'the stream was destroyed'));
    callback(error);
  }

  /** The peer must learn that nobody is here, unless nothing is left but its end. */
  #awaitEnd(): void {
    if (this.readableEnded) return;
    this.#hangUpTimer = setTimeout(() => this.#giveUp(), HANG_UP_MS).unref();
    this.#discard();
  }

  #discard(): void {
    if (this.#enter((now) => this.#handle.read(READ_BYTES, now)) !== undefined) this.#giveUp();
  }

  #giveUp(): void {
    clearTimeout(this.#hangUpTimer);
    this.#enter((now) => this.#handle.reset(this.#resetCode, now));
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
