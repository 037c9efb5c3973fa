import { equalBytes, StreamCode, type ConnectionHandle, type StreamEvent, type Xid } from 'xia-core';
import type { Flow } from './lab-flow.js';
import { textPiece } from './lab-text.js';
import type { SimNode } from './network.js';
import type { StreamRouter } from './stream-pair.js';

/** What one end of a stream says, and when. */
export interface Part {
  readonly bytes: number;
  /** Says nothing before the other side has ended. */
  readonly waits: boolean;
  /** What is written or read at a time, at most. */
  readonly pieceBytes: number;
}

/** One end: says its text, ends its direction, and compares what it hears with the text of the other side. */
class StreamEnd {
  readonly #node: SimNode;
  readonly #part: Part;
  readonly #salts: readonly [number, number];
  readonly #onHeard: () => void;
  connection: ConnectionHandle | undefined;
  said = 0;
  heard = 0;
  wrongAt: number | undefined;
  hasEnded = false;
  heardEnd = false;
  closedWith: number | undefined;

  constructor(node: SimNode, part: Part, salts: readonly [number, number], onHeard: () => void) {
    this.#node = node;
    this.#part = part;
    this.#salts = salts;
    this.#onHeard = onHeard;
  }

  readonly handlerOf = (connection: ConnectionHandle): ((event: StreamEvent) => void) => {
    this.connection = connection;
    return (event) => this.#handle(event);
  };

  #handle(event: StreamEvent): void {
    this.#node.enter((now) => {
      if (event.kind === 'readable' || event.kind === 'end') this.#read(now);
      if (event.kind === 'end') this.heardEnd = true;
      if (event.kind === 'closed') this.closedWith = event.code;
      else this.#say(now);
    });
  }

  #say(now: number): void {
    const { bytes, waits, pieceBytes } = this.#part;
    const connection = this.connection!;
    if (this.hasEnded || (waits && !this.heardEnd)) return;
    while (this.said < bytes) {
      const wanted = Math.min(pieceBytes, bytes - this.said);
      const taken = connection.write(textPiece(this.#salts[0], this.said, wanted), now);
      this.said += taken;
      if (taken < wanted) return;
    }
    this.hasEnded = true;
    connection.end(now);
  }

  #read(now: number): void {
    const connection = this.connection!;
    for (let got = connection.read(this.#part.pieceBytes, now); got !== undefined; got = connection.read(this.#part.pieceBytes, now)) {
      if (this.wrongAt === undefined && !equalBytes(got, textPiece(this.#salts[1], this.heard, got.length))) this.wrongAt = this.heard;
      this.heard += got.length;
    }
    this.#onHeard();
  }
}

export interface StreamFlowOptions {
  readonly client: SimNode;
  readonly server: SimNode;
  readonly routers: { readonly client: StreamRouter; readonly server: StreamRouter };
  readonly up: Part;
  readonly down: Part;
  readonly sids: readonly [client: Xid, server: Xid];
  readonly salt: number;
  readonly now: () => number;
}

/** A stream from opening to its end in good order, with bytes both ways. */
export class StreamFlow implements Flow {
  readonly name = 'stream';
  readonly totalBytes: number;
  readonly #client: StreamEnd;
  readonly #server: StreamEnd;
  readonly #options: StreamFlowOptions;
  completeAtMs: number | undefined;

  constructor(options: StreamFlowOptions) {
    const { client, server, up, down, salt, now } = options;
    this.#options = options;
    this.totalBytes = up.bytes + down.bytes;
    const onHeard = (): void => {
      if (this.deliveredBytes === this.totalBytes) this.completeAtMs ??= now();
    };
    this.#client = new StreamEnd(client, up, [salt, salt + 1], onHeard);
    this.#server = new StreamEnd(server, down, [salt + 1, salt], onHeard);
  }

  start(): void {
    const { routers, sids, server } = this.#options;
    routers.server.listen(sids[1], this.#server.handlerOf);
    routers.client.connect(server.stack.dag(sids[1]), sids[0], this.#client.handlerOf);
  }

  get deliveredBytes(): number {
    return this.#client.heard + this.#server.heard;
  }

  get isOver(): boolean {
    return this.#client.closedWith !== undefined && (this.#server.closedWith !== undefined || this.#server.connection === undefined);
  }

  get sentAndResent(): readonly [number, number] {
    const stats = [this.#client, this.#server].flatMap(({ connection }) => (connection === undefined ? [] : [connection.stats]));
    return [stats.reduce((sum, { bytesSent }) => sum + bytesSent, 0), stats.reduce((sum, { bytesResent }) => sum + bytesResent, 0)];
  }

  fault(): string | undefined {
    const { up, down } = this.#options;
    for (const [who, from, to, bytes] of [
      ['server', this.#client, this.#server, up.bytes],
      ['client', this.#server, this.#client, down.bytes],
    ] as const) {
      if (to.wrongAt !== undefined) return `wrong bytes at the ${who}, in the piece at ${to.wrongAt}`;
      if (to.heard !== bytes)
        return `${to.heard} of ${bytes} bytes arrived at the ${who} (closed with ${to.closedWith}, ${from.closedWith})`;
      if (!to.heardEnd) return `the ${who} was not told the end`;
      if (to.closedWith !== StreamCode.OK) return `the ${who} closed with ${to.closedWith}`;
    }
    return undefined;
  }
}
