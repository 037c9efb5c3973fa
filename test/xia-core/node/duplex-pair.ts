import { Duplex } from 'node:stream';

/** One end of an in-process connection: writes wait for the reader, `destroy` reaches the peer. */
class Pipe extends Duplex {
  peer!: Pipe;
  #pendingWrite: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 64 * 1024 });
  }

  override _read(): void {
    const resume = this.peer.#pendingWrite;
    this.peer.#pendingWrite = undefined;
    if (resume !== undefined) setImmediate(resume);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.peer.destroyed) return done(new Error('the other end is gone'));
    const bytes = Buffer.from(chunk);
    setImmediate(() => {
      if (this.peer.destroyed || this.peer.push(bytes)) done();
      else this.#pendingWrite = done;
    });
  }

  override _final(done: () => void): void {
    this.peer.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.peer.destroyed && !this.writableFinished) {
      setImmediate(() => this.peer.destroy(new Error('reset by the other end')));
    }
    done(error);
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const a = new Pipe();
  const b = new Pipe();
  a.peer = b;
  b.peer = a;
  return [a, b];
}
