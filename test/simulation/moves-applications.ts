import { contentDag, equalBytes, PrincipalType, Xid, type Dag, type DatagramSocketHandle } from 'xia-core';
import type { SimNetwork, SimNode } from './network.js';
import { simCrypto } from './sim-identity.js';
import { Conversation, StreamRouter, Talker } from './stream-pair.js';

const SPEAK_MS = 40;
const SPEAK_BYTES = 300;
const ASK_MS = 20;
const CHUNK_BYTES = 8000;
/** Between two chunks: a fast link would carry nothing else. */
const FETCH_PAUSE_MS = 50;

/** Questions that are numbered, and which were answered. */
interface Asked {
  sent: number;
  readonly answered: Set<number>;
}

/**
 * Everything that two machines do with each other: a stream opened by either of them, a third one that stays silent until the end,
 * datagrams and echoes to where the one was at the beginning, and chunks fetched by each from the other.
 */
export class Applications {
  readonly #network: SimNetwork;
  readonly #ends: readonly [SimNode, SimNode];
  readonly #busy: Conversation[] = [];
  readonly #idle: Conversation;
  readonly #datagrams: Asked = { sent: 0, answered: new Set() };
  readonly #echoes: Asked = { sent: 0, answered: new Set() };
  readonly #fetching = new Set<SimNode>();
  #fetched = 0;
  #fault: string | undefined;
  #restedAt: readonly [number, number] = [0, 0];
  #isStopping = false;

  /** Both machines have an address. */
  constructor(network: SimNetwork, one: SimNode, two: SimNode) {
    this.#network = network;
    this.#ends = [one, two];
    const routers = new Map([one, two].map((node) => [node, new StreamRouter(node)]));
    const talk = (from: SimNode, to: SimNode): Conversation => {
      const conversation = new Conversation([new Talker(from, 1, 2), new Talker(to, 2, 1)]);
      const sid = this.#sid();
      routers.get(to)!.listen(sid, conversation.ends[1].handlerOf);
      routers.get(from)!.connect(to.stack.dag(sid), this.#sid(), conversation.ends[0].handlerOf);
      return conversation;
    };
    this.#busy.push(talk(two, one), talk(one, two));
    this.#idle = talk(two, one);
    // One word of who opens it, so that it is open before anything moves.
    this.#idle.speak(10);
    this.#every(SPEAK_MS, () => this.#busy.reduce((goesOn, conversation) => conversation.speak(SPEAK_BYTES) && goesOn, true));
    this.#sendDatagrams();
    this.#sendEchoes();
    this.#fetch(one, two, 1);
    this.#fetch(two, one, 1);
  }

  /** Whether each of them has come through once. */
  get hasBegun(): boolean {
    const streams = this.#busy.every(({ ends }) => ends.every(({ received }) => received > 0));
    return (
      streams && this.#idle.ends[1].received > 0 && this.#datagrams.answered.size > 0 && this.#echoes.answered.size > 0 && this.#fetched > 1
    );
  }

  /** Nothing moves any more: from now on everything is to be answered that is not lost by a link. */
  rest(): void {
    this.#restedAt = [this.#datagrams.sent, this.#echoes.sent];
  }

  /** Lets everything come to its end. */
  stop(): void {
    this.#isStopping = true;
    for (const conversation of this.#busy) conversation.stop();
    this.#idle.speak(SPEAK_BYTES);
    this.#idle.stop();
    this.#idle.speak(SPEAK_BYTES);
  }

  get isOver(): boolean {
    return this.#fault !== undefined || ([...this.#busy, this.#idle].every(({ isOver }) => isOver) && this.#fetching.size === 0);
  }

  /** What went wrong, in words. */
  fault(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    for (const [index, conversation] of [...this.#busy, this.#idle].entries()) {
      const fault = conversation.fault();
      if (fault !== undefined) return `${['stream to it', 'stream from it', 'idle stream'][index]}: ${fault}`;
    }
    if (this.#fetching.size > 0) return 'a fetch has not ended';
    for (const [index, { sent, answered }] of [this.#datagrams, this.#echoes].entries()) {
      const since = this.#restedAt[index]!;
      if (![...answered].some((number) => number >= since)) return `none of ${sent - since} ${['datagrams', 'echoes'][index]} answered`;
    }
    return undefined;
  }

  #every(ms: number, act: () => boolean): void {
    const next = (): void => {
      if (act()) this.#network.queue.at(this.#network.now + ms, next);
    };
    next();
  }

  /** The client writes to the first address for ever, the server to where the question came from. */
  #sendDatagrams(): void {
    const [server, client] = this.#ends;
    const sid = this.#sid();
    const there = this.#socket(server, sid, ({ payload, source }, socket) => socket.send(source, payload));
    server.stack.bindService(there.sid);
    const asked = this.#datagrams;
    const here = this.#socket(client, this.#sid(), ({ payload }) => asked.answered.add(new DataView(payload.slice().buffer).getUint32(0)));
    client.stack.bindService(here.sid);
    const address = server.stack.dag(sid);
    this.#every(ASK_MS, () => {
      const payload = new Uint8Array(4);
      new DataView(payload.buffer).setUint32(0, asked.sent++);
      client.enter(() => here.send(address, payload));
      return !this.#isStopping;
    });
  }

  #socket(
    node: SimNode,
    sid: Xid,
    take: (datagram: { readonly payload: Uint8Array; readonly source: Dag }, socket: DatagramSocketHandle) => void,
  ): DatagramSocketHandle {
    const socket = node.stack.datagrams.open(sid);
    const previous = node.onEvent;
    node.onEvent = (event) => {
      if (event.layer !== 'datagram' || event.socket !== socket) return previous(event);
      for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) take(datagram, socket);
    };
    return socket;
  }

  #sendEchoes(): void {
    const [server, { stack, enter }] = [this.#ends[0], { stack: this.#ends[1].stack, enter: this.#ends[1].enter.bind(this.#ends[1]) }];
    const asked = this.#echoes;
    const id = stack.echoes.open((answer) => {
      if (answer.kind === 'reply') asked.answered.add(answer.sequence);
    });
    const address = server.stack.dag();
    this.#every(ASK_MS, () => {
      const message = stack.echoes.message(id, asked.sent++, new Uint8Array(4));
      enter((now) => stack.sendEcho(address, message, undefined, now));
      return !this.#isStopping;
    });
  }

  /** One chunk after the other, from where the other machine is when a fetch begins. */
  #fetch(by: SimNode, from: SimNode, id: number): void {
    const bytes = this.#network.rng.bytes(CHUNK_BYTES);
    const cid = new Xid(PrincipalType.CID, simCrypto.hash(bytes).slice());
    from.enter((now) => from.stack.content.publish(cid.id, bytes, now));
    this.#fetching.add(by);
    const previous = by.onEvent;
    by.onEvent = (event) => {
      if (event.layer !== 'fetch' || event.event.id !== id) return previous(event);
      by.onEvent = previous;
      this.#fetching.delete(by);
      from.stack.content.unpublish(cid.id);
      if (event.event.kind === 'failed') this.#fault ??= `a fetch by ${by.name} failed: ${event.event.code}`;
      else if (!equalBytes(event.event.bytes, bytes)) this.#fault ??= `${by.name} fetched other bytes than those of ${from.name}`;
      else this.#fetched++;
      if (!this.#isStopping && this.#fault === undefined) {
        this.#network.queue.at(this.#network.now + FETCH_PAUSE_MS, () => !this.#isStopping && this.#fetch(by, from, id + 1));
      }
    };
    by.enter((now) => by.stack.fetcher.fetch(contentDag(from.stack.ad, from.stack.hid, cid), now, { id, length: bytes.length }));
  }

  #sid(): Xid {
    return new Xid(PrincipalType.SID, this.#network.rng.bytes(20));
  }
}
