import { StreamCode, type ConnectionHandle, type StreamEvent, type Xid, type Dag } from 'xia-core';
import type { SimNode } from './network.js';

type Handler = (event: StreamEvent) => void;

/** Sends the stream events of a node to whoever owns the connection. */
export class StreamRouter {
  readonly #node: SimNode;
  readonly #owners = new Map<number, Handler>();
  readonly #listeners = new Map<string, (connection: ConnectionHandle) => Handler>();

  constructor(node: SimNode) {
    this.#node = node;
    const next = node.onEvent;
    node.onEvent = (event) => {
      if (event.layer === 'stream') this.#handle(event.event);
      else next(event);
    };
  }

  listen(sid: Xid, onAccept: (connection: ConnectionHandle) => Handler): void {
    this.#listeners.set(sid.key, onAccept);
    this.#node.stack.bindService(sid);
    this.#node.enter(() => this.#node.stack.streams.listen(sid));
  }

  connect(destination: Dag, sid: Xid, handler: (connection: ConnectionHandle) => Handler): ConnectionHandle {
    this.#node.stack.bindService(sid);
    const connection = this.#node.enter((now) => this.#node.stack.streams.connect(destination, sid, now));
    this.#owners.set(connection.id, handler(connection));
    return connection;
  }

  #handle(event: StreamEvent): void {
    const { connection } = event;
    if (event.kind === 'accepted') {
      const owner = this.#listeners.get(event.sid.key);
      if (owner !== undefined) this.#owners.set(connection.id, owner(connection));
    }
    this.#owners.get(connection.id)?.(event);
  }
}

/** The byte at a place of the text that a side says; any shift, loss or repetition shows. */
function byteAt(text: number, at: number): number {
  return (Math.imul(at + text, 0x9e3779b1) >>> 24) & 0xff;
}

/** One end of a conversation in which each side says a known, endless text and checks what the other one says. */
export class Talker {
  readonly #node: SimNode;
  readonly #own: number;
  readonly #peers: number;
  #connection: ConnectionHandle | undefined;
  sent = 0;
  received = 0;
  wrong = 0;
  closedWith: number | undefined;

  /** @param own which text this side says, and `peers` the other */
  constructor(node: SimNode, own: number, peers: number) {
    this.#node = node;
    this.#own = own;
    this.#peers = peers;
  }

  readonly handlerOf = (connection: ConnectionHandle): Handler => {
    this.#connection = connection;
    return (event) => {
      if (event.kind === 'readable' || event.kind === 'end') this.#read();
      if (event.kind === 'closed') this.closedWith = event.code;
    };
  };

  /** Says the next piece of the text; the last one ends the direction. */
  speak(bytes: number, isLast: boolean): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#node.enter((now) => {
      const piece = Uint8Array.from({ length: bytes }, (_, index) => byteAt(this.#own, this.sent + index));
      this.sent += connection.write(piece, now);
      if (isLast) connection.end(now);
    });
  }

  #read(): void {
    const connection = this.#connection!;
    this.#node.enter((now) => {
      for (let bytes = connection.read(65_536, now); bytes !== undefined; bytes = connection.read(65_536, now)) {
        for (const byte of bytes) if (byte !== byteAt(this.#peers, this.received++)) this.wrong++;
      }
    });
  }
}

/** Two talkers on one stream. They talk until they are told to stop, and then end the stream in good order. */
export class Conversation {
  readonly ends: readonly [Talker, Talker];
  #stopping = false;

  constructor(ends: readonly [Talker, Talker]) {
    this.ends = ends;
  }

  /** Lets both say something, unless they have stopped. False when they have. */
  speak(bytes: number): boolean {
    for (const end of this.ends) end.speak(bytes, this.#stopping);
    return !this.#stopping;
  }

  stop(): void {
    this.#stopping = true;
  }

  get isOver(): boolean {
    return this.ends.every((end) => end.closedWith !== undefined);
  }

  /** What went wrong, in words; undefined when every byte arrived at both ends and the stream closed in good order. */
  fault(): string | undefined {
    const [one, two] = this.ends;
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      if (to.received !== from.sent) return `${to.received} of ${from.sent} bytes arrived`;
      if (to.wrong > 0) return `${to.wrong} wrong bytes`;
      if (to.closedWith !== StreamCode.OK) return `closed with ${to.closedWith}`;
    }
    return undefined;
  }
}
