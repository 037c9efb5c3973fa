import type { Counters, Gauge } from '../bytes/index.js';
import { RoutingKind, encodeRoutingStatement } from '../wire/routing-messages.js';
import { CHALLENGE_BYTES, MAX_LINK_COST, helloSchema, sealHello, type Hello } from '../wire/routing-statements.js';
import { StatementKind, readStatement } from '../wire/statement.js';
import type { Xid } from '../xid/index.js';
import type { RoutingCounter } from './counter-names.js';
import { Greeter } from './greeter.js';
import { NeighbourTable, type Neighbour } from './neighbour-table.js';
import type { LinkStateOptions, RoutingNeighbour } from './options.js';
import type { Originator } from './originator.js';
import type { Limits, Timers } from './settings.js';
import type { FirstHop } from './shortest-paths.js';
import { speakerFault } from './speaker.js';

type Speech = Pick<LinkStateOptions, 'ad' | 'hid' | 'identity' | 'crypto' | 'rng' | 'certificate' | 'certified' | 'faces' | 'sink'>;

export interface AdjacencyOptions extends Speech {
  readonly timers: Timers;
  readonly limits: Limits;
  readonly counters: Counters<RoutingCounter>;
  /** What this router announces of its links; kept to the best link to each neighbour that is up. */
  readonly links: Originator['links'];
  /** The best links are other ones, or cost something else. Before `onUp` and `onDown` of the neighbour that is the reason. */
  readonly onLinks: (now: number) => void;
  /** A neighbour answers. `isFirst` when there was no other link to this router. */
  readonly onUp: (neighbour: Neighbour, isFirst: boolean, now: number) => void;
  /** A neighbour that was up is no more. `isLast` when there is no other link to this router. */
  readonly onDown: (neighbour: Neighbour, isLast: boolean, now: number) => void;
}

/**
 * Who is next to this router: says hello on its faces, hears the hellos of others, and finds out with whom packets go both
 * ways. See docs/routing.md.
 */
export class Adjacency {
  readonly #options: AdjacencyOptions;
  readonly #greeter: Greeter;
  readonly #neighbours: NeighbourTable;
  #firstHops: readonly FirstHop[] = [];
  #helloSequence = 0;

  constructor(options: AdjacencyOptions) {
    this.#options = options;
    this.#greeter = new Greeter(options.rng, options.timers.helloMs);
    this.#neighbours = new NeighbourTable(options.limits);
  }

  /** The best link to each router that is up, by its key. */
  get firstHops(): readonly FirstHop[] {
    return this.#firstHops;
  }

  /** The router that messages from there come from. */
  upAt(face: number, neighbour: number): Neighbour | undefined {
    return this.#neighbours.upAt(face, neighbour);
  }

  /** A hello came from a neighbour of a face. */
  handleHello(face: number, from: number, statement: Uint8Array, now: number, wallNow: number): void {
    const { hid, counters, timers } = this.#options;
    const read = readStatement(statement, StatementKind.HELLO, helloSchema);
    if (!read.ok) return counters.count(`hello:${read.reason}`);
    const hello = read.value;
    if (this.#greeter.costOf(face) === undefined) return counters.count('hello:not-peer-face');
    if (hello.hid.equals(hid)) return counters.count('hello:own');
    const known = this.#neighbours.find(face, from, hello.hid);
    if (known !== undefined && !isNewer(hello, known)) return counters.count('hello:replayed');
    const fault = speakerFault(this.#options, statement, StatementKind.HELLO, { ...hello, router: hello.hid }, wallNow);
    if (fault !== undefined) return counters.count(`hello:${fault}`);
    const answer = hello.heard.find(([heard]) => heard.equals(hid))?.[1];
    const isAnswer = answer !== undefined && this.#greeter.isAnswer(face, answer, now, timers.deadMs + hello.deadMs);
    if (known?.up === true && known.instance === hello.instance && answer !== undefined && !isAnswer) {
      return counters.count('hello:stale-answer');
    }
    const neighbour = known ?? this.#newNeighbour(face, from, hello, now);
    if (neighbour === undefined) return counters.count('hello:table-full');
    counters.count('hello:accepted');
    if (neighbour.up && neighbour.instance !== hello.instance) this.#down(neighbour, 'restarted', now);
    else if (neighbour.up && !isAnswer) this.#down(neighbour, 'deaf', now);
    const { instance, sequence, challenge, deadMs } = hello;
    Object.assign(neighbour, { instance, sequence, challenge, deadMs, lastHeardMs: now });
    if (isAnswer && !neighbour.up) this.#up(neighbour, now);
    // Somebody who does not know that we hear it is told at once.
    if (!isAnswer) this.#greeter.hurry(face, now);
  }

  /** A face, or only one neighbour of it, is gone. */
  faceRemoved(face: number, now: number, neighbour?: number): void {
    for (const gone of this.#neighbours.onFace(face)) {
      if (neighbour === undefined || gone.hop.neighbour === neighbour) this.#lose(gone, 'face-gone', now);
    }
  }

  /**
   * Tells the neighbours on a face, or on all of them, that nothing of theirs is heard any more.
   * @param instance of this router, for its hellos
   */
  takeLeave(face: number | undefined, instance: number): void {
    for (const known of this.#greeter.faces()) {
      if (face === undefined || known === face) this.#sayHello(known, this.#options.rng.bytes(CHALLENGE_BYTES).slice(), [], instance);
    }
  }

  /** We were asleep for so long, not the neighbours. */
  forgive(lateMs: number): void {
    this.#options.counters.count('neighbour:forgiven');
    this.#neighbours.forgive(lateMs);
    this.#greeter.forgive(lateMs);
  }

  nextMs(): number {
    return Math.min(this.#greeter.nextMs(), this.#neighbours.nextMs());
  }

  /** @param instance of this router, for its hellos */
  handleTimeout(instance: number, now: number): void {
    this.#lookAtFaces(now);
    for (const silent of this.#neighbours.silent(now)) this.#lose(silent, 'silent', now);
    this.#greet(instance, now);
  }

  *neighbours(): Iterable<RoutingNeighbour> {
    for (const { hid, ad, hop, up, cost, lastHeardMs } of this.#neighbours.all()) {
      yield { hid, ad, hop, state: up ? 'up' : 'heard', cost, lastHeardMs };
    }
  }

  gauge(): Gauge {
    return this.#neighbours.gauge();
  }

  #lookAtFaces(now: number): void {
    for (const face of this.#greeter.look(this.#options.faces(), now)) this.faceRemoved(face, now);
    let changed = false;
    for (const neighbour of this.#neighbours.all()) {
      const cost = this.#costOf(neighbour.hop.face);
      changed ||= neighbour.up && neighbour.cost !== cost;
      neighbour.cost = cost;
    }
    if (changed) this.#linksChanged(now);
  }

  #costOf(face: number): number {
    return Math.min(MAX_LINK_COST, Math.max(1, Math.round(this.#greeter.costOf(face) ?? 1)));
  }

  #greet(instance: number, now: number): void {
    for (const { face, challenge } of this.#greeter.due(now)) {
      const heard = [...this.#neighbours.onFace(face)].map((neighbour): [Xid, Uint8Array] => [neighbour.hid, neighbour.challenge]);
      this.#sayHello(face, challenge, heard, instance);
    }
  }

  #sayHello(face: number, challenge: Uint8Array, heard: Hello['heard'], instance: number): void {
    const { ad, hid, identity, certificate, sink, counters, timers } = this.#options;
    this.#helloSequence += 1;
    const hello = {
      ad,
      hid,
      instance,
      sequence: this.#helloSequence,
      helloMs: Math.max(1, Math.round(timers.helloMs)),
      deadMs: Math.max(1, Math.round(timers.deadMs)),
      challenge,
      heard,
      certificate: certificate(),
    };
    counters.count('hello:sent');
    sink.sendLink(face, 0, encodeRoutingStatement(RoutingKind.HELLO, sealHello(hello, identity)));
  }

  #newNeighbour(face: number, from: number, hello: Hello, now: number): Neighbour | undefined {
    const { hid, ad, instance, sequence, challenge, deadMs } = hello;
    const hop = { face, neighbour: from };
    const cost = this.#costOf(face);
    const neighbour = { hid, ad, hop, cost, up: false, instance, sequence, challenge, deadMs, lastHeardMs: now };
    return this.#neighbours.add(neighbour) ? neighbour : undefined;
  }

  #up(neighbour: Neighbour, now: number): void {
    const { hid, hop, instance } = neighbour;
    // What an earlier life of it knew by another link, this one does not.
    for (const other of this.#neighbours.all()) {
      if (other.up && other.hid.equals(hid) && other.instance !== instance) this.#down(other, 'restarted', now);
    }
    const isFirst = !this.#isReached(hid);
    neighbour.up = true;
    this.#options.counters.count('neighbour:up');
    this.#greeter.hurry(hop.face, now);
    this.#linksChanged(now);
    this.#options.onUp(neighbour, isFirst, now);
  }

  #down(neighbour: Neighbour, why: 'restarted' | 'silent' | 'deaf' | 'face-gone', now: number): void {
    neighbour.up = false;
    this.#options.counters.count(`neighbour:${why}`);
    this.#linksChanged(now);
    this.#options.onDown(neighbour, !this.#isReached(neighbour.hid), now);
  }

  #lose(neighbour: Neighbour, why: 'silent' | 'face-gone', now: number): void {
    this.#neighbours.remove(neighbour);
    if (neighbour.up) this.#down(neighbour, why, now);
  }

  #isReached(hid: Xid): boolean {
    return this.#firstHops.some(({ router }) => router === hid.key);
  }

  /** Finds the best link to each neighbour anew, and has announced what is different. */
  #linksChanged(now: number): void {
    const { links, counters, onLinks } = this.#options;
    const best = this.#neighbours.bestLinks();
    for (const { router } of this.#firstHops) if (!best.has(router)) links.delete(router);
    for (const { hid, cost } of best.values()) if (!links.set(hid, cost)) counters.count('link:too-many');
    this.#firstHops = [...best].map(([router, { cost, hop }]) => ({ router, cost, hop }));
    onLinks(now);
  }
}

function isNewer(hello: Hello, known: Neighbour): boolean {
  return hello.instance > known.instance || (hello.instance === known.instance && hello.sequence > known.sequence);
}
