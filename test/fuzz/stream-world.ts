import {
  concatBytes,
  PrincipalType,
  SeededRandom,
  serviceDag,
  StreamEndpoint,
  Xid,
  type ConnectionHandle,
  type Dag,
  type OutgoingPacket,
  type StreamEvent,
} from 'xia-core';
import { EventQueue } from '../simulation/event-queue.js';
import { simCrypto, simIdentity } from '../simulation/sim-identity.js';

export const STREAM_SERVICE = Xid.of(PrincipalType.SID, '5e'.repeat(20));
const CLIENT = Xid.of(PrincipalType.SID, 'c1'.repeat(20));
/** Calls at one moment of time, beyond which time does not go on. */
const MOST_AT_ONCE = 10_000;

/** So small that every bound is met. */
const LIMITS = {
  maxConnections: 6,
  maxHalfOpen: 4,
  maxLingering: 8,
  startBufferBytes: 3000,
  sendBufferBytes: 20_000,
  receiveWindowBytes: 20_000,
  sharedBufferBytes: 30_000,
  idleTimeoutMs: 8000,
  keepAliveMs: 2000,
  lingerMs: 3000,
};

/** The byte at a place of a text; any shift, loss or repetition shows. */
function byteAt(text: number, at: number): number {
  if (at < 2) return (text >> (8 * at)) & 0xff;
  return (Math.imul(at + Math.imul(text, 0x85ebca6b), 0x9e3779b1) >>> 24) & 0xff;
}

/** What one end of a connection has said and heard. The first two bytes of a text name it. */
interface Talk {
  readonly text: number;
  written: number;
  read: number;
  heard: number;
  isOver: boolean;
}

/** What the link does to packets, in shares. */
export interface Weather {
  loss: number;
  duplication: number;
  /** Milliseconds on top of one, at most; more than the gap between packets reorders them. */
  jitterMs: number;
  /** Packets with one changed bit. STREAM has no checksum, so texts cannot be compared where there are any. */
  corruption: number;
}

/** One of two ends of a link, with everything that its application sees checked. */
export class StreamEnd {
  readonly endpoint: StreamEndpoint;
  readonly talks = new Map<ConnectionHandle, Talk>();
  /** Called on every event, after it was checked: may do anything. */
  onEvent: (event: StreamEvent) => void = () => {};
  readonly #world: StreamWorld;
  readonly #hid: Xid;
  #ad = 1;

  constructor(world: StreamWorld, rng: SeededRandom) {
    this.#world = world;
    const identity = simIdentity(rng);
    this.#hid = new Xid(PrincipalType.HID, identity.id);
    this.endpoint = new StreamEndpoint({
      crypto: simCrypto,
      identity,
      rng,
      localDag: (sid) => this.dag(sid),
      mtu: () => 700,
      output: (packet) => world.send(this, packet),
      onEvent: (event) => this.#take(event),
      limits: LIMITS,
    });
  }

  dag(sid: Xid): Dag {
    return serviceDag(Xid.of(PrincipalType.AD, this.#ad.toString(16).padStart(40, '0')), this.#hid, sid);
  }

  move(): void {
    this.#ad++;
    this.endpoint.addressChanged(this.#world.now);
  }

  connect(): void {
    if (this.endpoint.size >= LIMITS.maxConnections) return;
    const other = this.#world.other(this);
    this.#begin(this.endpoint.connect(other.dag(STREAM_SERVICE), CLIENT, this.#world.now));
  }

  write(connection: ConnectionHandle, bytes: number): void {
    const talk = this.talks.get(connection)!;
    const piece = Uint8Array.from({ length: bytes }, (_, index) => byteAt(talk.text, talk.written + index));
    // Counted first: what is written may be read before the call returns.
    const room = Math.min(bytes, connection.writable());
    talk.written += room;
    const taken = connection.write(piece.subarray(0, room), this.#world.now);
    if (taken !== room && connection.state !== 'closed') this.#world.fault(`${taken} of ${room} bytes were taken`);
  }

  read(connection: ConnectionHandle, maxBytes: number): void {
    const talk = this.talks.get(connection)!;
    const bytes = connection.read(maxBytes, this.#world.now);
    if (bytes === undefined) return;
    if (bytes.length > maxBytes) this.#world.fault('more was read than asked for');
    for (const byte of bytes) {
      if (talk.read < 2) talk.heard |= byte << (8 * talk.read);
      else if (byte !== byteAt(talk.heard, talk.read)) this.#world.wrongByte();
      talk.read++;
    }
    if (talk.read >= 2 && talk.read > (this.#world.writtenOf(talk.heard) ?? 0)) this.#world.wrongByte();
  }

  #begin(connection: ConnectionHandle): void {
    const talk: Talk = { text: this.#world.nextText(), written: 0, read: 0, heard: 0, isOver: false };
    this.#world.texts.set(talk.text, talk);
    this.talks.set(connection, talk);
  }

  #take(event: StreamEvent): void {
    const { connection } = event;
    if (event.kind === 'accepted') this.#begin(connection);
    const talk = this.talks.get(connection);
    if (talk?.isOver === true) this.#world.fault(`${event.kind} after closed`);
    if (event.kind === 'closed') {
      if (talk !== undefined) talk.isOver = true;
      const complete = this.#world.writtenOf(talk?.heard ?? -1);
      if (event.code === 0 && complete !== undefined && talk!.read !== complete) this.#world.wrongByte();
      this.talks.delete(connection);
    }
    this.onEvent(event);
  }
}

/** Two endpoints and a link between them, in virtual time. */
export class StreamWorld {
  readonly ends: readonly [StreamEnd, StreamEnd];
  readonly weather: Weather;
  readonly texts = new Map<number, Talk>();
  readonly queue = new EventQueue();
  /** Packets that were sent lately, to be said again. */
  readonly sent: Uint8Array[] = [];
  readonly #rng: SeededRandom;
  readonly #comparesTexts: boolean;
  readonly #faults: string[] = [];
  #texts = 0;
  now = 0;

  constructor(rng: SeededRandom, weather: Weather) {
    this.#rng = rng;
    this.weather = weather;
    this.#comparesTexts = weather.corruption === 0;
    this.ends = [new StreamEnd(this, new SeededRandom(rng.below(2 ** 31))), new StreamEnd(this, new SeededRandom(rng.below(2 ** 31)))];
  }

  other(end: StreamEnd): StreamEnd {
    return this.ends[0] === end ? this.ends[1] : this.ends[0];
  }

  nextText(): number {
    this.#texts = (this.#texts + 1) & 0xffff;
    return this.#texts;
  }

  writtenOf(text: number): number | undefined {
    return this.texts.get(text)?.written;
  }

  fault(what: string): void {
    if (this.#faults.length < 10) this.#faults.push(`at ${this.now} ms: ${what}`);
  }

  wrongByte(): void {
    if (this.#comparesTexts) this.fault('other bytes were read than were written');
  }

  /** What is wrong by now, in words. */
  faults(): string[] {
    for (const { endpoint } of this.ends) {
      for (const { name, used, highWater, bound } of endpoint.gauges()) {
        if (!(used >= 0 && used <= highWater && highWater <= bound)) this.fault(`${name}: ${used}, ${highWater}, ${bound}`);
      }
      for (const { stats } of endpoint.connections()) if (!(stats.bytesInFlight >= 0)) this.fault('fewer than no bytes are in flight');
      if (Number.isNaN(endpoint.nextTimeout())) this.fault('the next deadline is no number');
    }
    return this.#faults;
  }

  send(from: StreamEnd, { payload, source, destination }: OutgoingPacket): void {
    const rng = this.#rng;
    const bytes = concatBytes(...payload);
    if (this.sent.length < 64) this.sent.push(bytes);
    else this.sent[rng.below(64)] = bytes;
    const { loss, duplication, jitterMs, corruption } = this.weather;
    if (rng.unit() < loss) return;
    const arriving = bytes.slice();
    if (rng.unit() < corruption) arriving[rng.below(arriving.length)]! ^= 1 << rng.below(8);
    const to = this.other(from).endpoint;
    for (let copies = rng.unit() < duplication ? 2 : 1; copies > 0; copies--) {
      const atMs = this.now + 1 + rng.unit() * jitterMs;
      this.queue.at(atMs, () => to.handlePacket(arriving.slice(), source, destination.intent, this.now));
    }
  }

  /** Lets time pass. */
  run(forMs: number): void {
    const endMs = this.now + forMs;
    let atOnce = 0;
    for (;;) {
      const next = Math.min(this.queue.next(), ...this.ends.map(({ endpoint }) => endpoint.nextTimeout()));
      if (next > endMs) break;
      if (next > this.now) atOnce = 0;
      else if (++atOnce > MOST_AT_ONCE) throw new Error(`time does not go on at ${this.now} ms`);
      this.now = Math.max(this.now, next);
      while (this.queue.next() <= this.now) this.queue.step();
      for (const { endpoint } of this.ends) if (endpoint.nextTimeout() <= this.now) endpoint.handleTimeout(this.now);
    }
    this.now = endMs;
  }

  /** Ends all that there is and looks whether anything is left of it. */
  finish(): string[] {
    Object.assign(this.weather, { loss: 0, duplication: 0, corruption: 0 });
    for (const end of this.ends) {
      end.onEvent = () => {};
      for (const connection of end.talks.keys()) connection.reset(300, this.now);
    }
    this.run(60_000);
    const faults = this.faults();
    for (const { endpoint, talks } of this.ends) {
      const left = endpoint.gauges().filter(({ name, used }) => used > 0 && !name.includes('budgets'));
      if (left.length > 0) this.fault(`left at the end: ${left.map(({ name, used }) => `${used} ${name}`).join(', ')}`);
      if (talks.size > 0) this.fault(`${talks.size} connections were never closed`);
      if (endpoint.nextTimeout() !== Infinity) this.fault('a deadline is left');
    }
    return faults;
  }
}
