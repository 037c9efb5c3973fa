import { NeighbourLimiter, XiaError, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { StreamCode, StreamFrame, StreamPacketType, type StreamPacketView } from '../wire/stream.js';
import type { StreamPacketWriter } from '../wire/stream-writer.js';
import { PrincipalType, type Xid, XID_ID_BYTES } from '../xid/index.js';
import { RetryTokens, type Opener } from './retry-tokens.js';
import type { StreamEndpointCounters } from './stream-counters.js';
import type { StreamSettings } from './stream-options.js';

const DEFAULT_BACKLOG = 128;
/** An answer by RETRY costs two hashes and a packet and no memory, so there may be many more than other answers to strangers. */
const RETRIES = { ratePerSecond: 20_000, burst: 20_000 };

export interface ListenOptions {
  /** Connections that may be half open at the same time; further OPENs are dropped, and come again. Default 128. */
  readonly backlog?: number;
  /** From so many on, an OPEN must prove by a token that its sender receives answers. 0: always. Default half of `backlog`. */
  readonly retryFrom?: number;
}

interface Listener {
  readonly sid: Xid;
  readonly backlog: number;
  readonly retryFrom: number;
  /** Connections that wait for the first packet after ACCEPT. */
  accepting: number;
}

/** A connection as far as its opening goes. */
interface OpeningConnection {
  handlePacket(view: StreamPacketView, source: Dag, now: number): void;
}

/** What the endpoint does for those who open connections to it. */
export interface OpeningHost<Connection> {
  readonly settings: StreamSettings;
  readonly writer: StreamPacketWriter;
  readonly counters: StreamEndpointCounters;
  /** Whether there may be another connection; counts it when not. */
  hasRoom(): boolean;
  /** Whether the neighbour may send another packet without a connection. */
  admitsStranger(face: number, neighbour: number, now: number): boolean;
  /** Makes the server's end of a connection to the sender of the OPEN that `view` holds. */
  accept(view: StreamPacketView, localSid: Xid, peerDag: Dag, openingKey: string, now: number): Connection;
}

/**
 * Openings of peers, from OPEN until the connection is open: who listens, how many are half open, and a token instead of
 * memory for those who come while there are many.
 *
 *     OPEN  --no listener--> REFUSE          --few half open--> connection
 *           --many half open or many by this neighbour, no good token--> RETRY, nothing is kept
 *           --many half open, good token--> connection, as long as the backlog has room
 */
export class Openings<Connection extends OpeningConnection> {
  readonly #host: OpeningHost<Connection>;
  readonly #listeners = new Map<string, Listener>();
  /** By the peer's id, host and service, so that a repeated OPEN finds its connection. Undefined once ended. */
  readonly #known = new Map<string, Connection | undefined>();
  readonly #halfOpen = new Map<Connection, Listener>();
  readonly #tokens: RetryTokens;
  readonly #retries = new NeighbourLimiter(RETRIES);
  #mostHalfOpen = 0;

  constructor(host: OpeningHost<Connection>) {
    this.#host = host;
    this.#tokens = new RetryTokens(host.settings.crypto, host.settings.rng);
  }

  /** Openings that are remembered, of connections and of what remains of them. */
  get size(): number {
    return this.#known.size;
  }

  listen(sid: Xid, { backlog = DEFAULT_BACKLOG, retryFrom = Math.ceil(backlog / 2) }: ListenOptions): void {
    if (this.#listeners.has(sid.key)) {
      throw new XiaError('address-in-use', `${sid.toString()} has a listener already`, { sid: sid.toString() });
    }
    this.#listeners.set(sid.key, { sid, backlog, retryFrom, accepting: 0 });
  }

  unlisten(sid: Xid): void {
    this.#listeners.delete(sid.key);
  }

  /** Takes a packet to connection id 0. */
  take(view: StreamPacketView, source: Dag, service: Xid, face: number, neighbour: number, now: number): void {
    const { counters } = this.#host;
    const { sourceIdHigh: idHigh, sourceIdLow: idLow } = view;
    if (view.type !== StreamPacketType.OPENING || (idHigh === 0 && idLow === 0) || !standsAtOpen(view, source)) {
      counters.opensMalformed++;
      return;
    }
    const hid = source.find(PrincipalType.HID);
    const openingKey = `${idHigh}:${idLow}:${hid?.key ?? ''}:${service.key}`;
    const known = this.#known.get(openingKey);
    if (known !== undefined || this.#known.has(openingKey)) {
      counters.opensRepeated++;
      // Without a connection it has ended already, and this is an echo of its beginning.
      view.rewind();
      known?.handlePacket(view, source, now);
      return;
    }
    const opener = { idHigh, idLow, service, source };
    // Who has a token of ours does not pay for what strangers send by the same neighbour.
    const isProved = view.nextFrame() && view.frame === StreamFrame.TOKEN && this.#tokens.isGood(view.bytes, view.tokenStart, opener, now);
    const isAdmitted = isProved || this.#host.admitsStranger(face, neighbour, now);
    const listener = this.#listeners.get(service.key);
    if (isAdmitted && listener === undefined) return this.#refuse(StreamCode.REFUSED, opener);
    if (isAdmitted && !this.#host.hasRoom()) return this.#refuse(StreamCode.BUSY, opener);
    if (listener !== undefined && (isProved || (isAdmitted && !this.#asksForToken(listener)))) {
      this.#begin(view, opener, listener, openingKey, now);
    } else if (listener !== undefined && this.#retries.take(face, neighbour, now)) {
      this.#retry(opener, now);
    } else {
      counters.strangersLimited++;
    }
  }

  /** The connection is open, or over: it is not half open any more. */
  settled(connection: Connection): void {
    const listener = this.#halfOpen.get(connection);
    if (listener === undefined) return;
    this.#halfOpen.delete(connection);
    listener.accepting--;
  }

  /** The connection has ended, and something that remains of it answers further OPENs by silence. */
  ended(openingKey: string): void {
    this.#known.set(openingKey, undefined);
  }

  forget(openingKey: string): void {
    this.#known.delete(openingKey);
  }

  gauges(): Gauge[] {
    const { maxHalfOpen } = this.#host.settings.limits;
    const [used, highWater, refused] = [this.#halfOpen.size, this.#mostHalfOpen, this.#host.counters.opensDropped];
    return [
      { name: 'half-open streams', unit: 'entries', used, highWater, bound: maxHalfOpen, refused },
      this.#retries.gauge('stream retry budgets'),
    ];
  }

  #asksForToken(listener: Listener): boolean {
    return listener.accepting >= listener.retryFrom || this.#halfOpen.size * 2 >= this.#host.settings.limits.maxHalfOpen;
  }

  #begin(view: StreamPacketView, opener: Opener, listener: Listener, openingKey: string, now: number): void {
    const { counters, settings } = this.#host;
    if (listener.accepting >= listener.backlog || this.#halfOpen.size >= settings.limits.maxHalfOpen) {
      counters.opensDropped++;
      return;
    }
    listener.accepting++;
    counters.opensTaken++;
    const connection = this.#host.accept(view, listener.sid, opener.source, openingKey, now);
    this.#halfOpen.set(connection, listener);
    this.#mostHalfOpen = Math.max(this.#mostHalfOpen, this.#halfOpen.size);
    this.#known.set(openingKey, connection);
    view.rewind();
    connection.handlePacket(view, opener.source, now);
  }

  #refuse(code: number, opener: Opener): void {
    this.#host.counters.opensRefused++;
    this.#beginAnswer(opener);
    this.#host.writer.refuse(code);
    this.#answer(opener);
  }

  #retry(opener: Opener, now: number): void {
    this.#host.counters.opensRetried++;
    const token = this.#tokens.make(opener, now);
    this.#beginAnswer(opener);
    this.#host.writer.retry(token);
    this.#answer(opener);
  }

  #beginAnswer({ idHigh, idLow }: Opener): void {
    this.#host.writer.beginOpening(idHigh, idLow, 0, 0, 0);
  }

  /** Smaller than what it answers, and never answered by the same. */
  #answer({ source, service }: Opener): void {
    const { settings, writer } = this.#host;
    settings.output({ destination: source, source: settings.localDag(service), payload: [writer.finish()] });
  }
}

/** Reads the first frame: whether it is an OPEN of the SID that the packet comes from. */
function standsAtOpen(view: StreamPacketView, source: Dag): boolean {
  if (!view.nextFrame() || view.frame !== StreamFrame.OPEN) return false;
  const { id } = source.intent;
  for (let i = 0; i < XID_ID_BYTES; i++) if (view.bytes[view.sidStart + i] !== id[i]) return false;
  return true;
}
