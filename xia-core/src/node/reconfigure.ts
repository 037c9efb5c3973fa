import { XiaError } from '../bytes/index.js';
import type { CacheSettings } from '../content/index.js';
import type { Dag } from '../dag/index.js';
import type { FaceSettings, NodeIdentity } from '../io/index.js';
import { DEFAULT_HOLD_LIMITS, type HoldLimits, type NodeStack } from '../stack/index.js';
import type { Xid } from '../xid/index.js';
import { makeFace, type FaceConfig } from './face-config.js';
import type { NodeFaces } from './node-faces.js';
import type { HoldingOptions } from './node-options.js';
import { certifiedAd } from './router-certificate.js';
import type { Enter } from './stream-socket.js';

export interface ReconfigurationOptions {
  readonly stack: NodeStack;
  readonly identity: NodeIdentity;
  /** The node's faces; kept in step with the stack's. */
  readonly faces: NodeFaces;
  readonly enter: Enter;
  readonly isClosing: () => boolean;
}

/** Options with the defaults filled in; false when it is off. */
export function holdLimits({ enabled = true, ...limits }: HoldingOptions = {}): HoldLimits | false {
  const { ageMs = DEFAULT_HOLD_LIMITS.ageMs, bytes = DEFAULT_HOLD_LIMITS.bytes } = limits;
  return enabled && { ageMs, bytes };
}

/** How long a face that is removed still takes what is under way to it. */
const DRAIN_MS = 100;

/**
 * Changes a node while packets go through it. Each method is one change that is whole when it returns; the order in which
 * several are made is the caller's: a new face before the routes to it, the routes before the old face goes.
 */
export class Reconfiguration {
  readonly #options: ReconfigurationOptions;

  constructor(options: ReconfigurationOptions) {
    this.#options = options;
  }

  /** The id of a face by its name; of two with one name, the older. */
  faceId(name: string): number | undefined {
    return this.#options.stack.faces.byName(name);
  }

  /**
   * Opens another face and answers its id, by which it is known from then on.
   * @throws XiaError `address-in-use`, `face-failed`, `bad-config`, `bad-endpoint`, `limit-reached`; then nothing has changed
   */
  async addFace(config: FaceConfig): Promise<number> {
    const { stack, faces, enter, isClosing } = this.#options;
    const face = makeFace(config, stack.hid);
    faces.costs.set(config.name, config.cost);
    const id = enter((now) => stack.addFace(face, now));
    faces.byId.set(id, face);
    try {
      await faces.open(id, face);
      if (isClosing()) throw new XiaError('interrupted', 'the node is being closed', { face: config.name });
    } catch (error) {
      await this.#dropFace(id)();
      throw error;
    }
    return id;
  }

  /**
   * Closes a face, a moment after the last packet left by it: what is under way to it still comes in. What is routed through it
   * takes another way; a node that is attached by it looks for another place.
   */
  async removeFace(id: number): Promise<void> {
    if (!this.#options.faces.byId.has(id)) return;
    this.#options.enter(() => this.#options.stack.routing?.takeLeave(id));
    const close = this.#dropFace(id);
    await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
    // A process that had no time for that long reads what has come meanwhile after the timer, in one turn, and takes it in the next.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    await close();
  }

  /**
   * Changes a face that stays open.
   * @param cost of a peer face: what a packet that leaves by it costs, 10 by default
   * @throws XiaError `refused` when a face of this kind cannot be changed, `bad-endpoint`, `bad-config`; then nothing has changed
   */
  updateFace(id: number, settings: FaceSettings, cost?: number): void {
    const { stack, faces, enter } = this.#options;
    const face = faces.byId.get(id);
    if (face === undefined) throw new XiaError('bad-argument', `there is no face ${id}`, { id });
    if (face.update === undefined)
      throw new XiaError('refused', `face ${face.name} cannot be changed while it is open`, { face: face.name });
    const isOtherRole = face.role !== settings.role;
    enter((now) => {
      face.update?.(settings);
      faces.costs.set(face.name, cost);
      stack.faceChanged(id, isOtherRole, now);
    });
  }

  /**
   * Sets or turns a static route, without a moment in which there is none.
   * @param nextHop the HID of the neighbour, on a face whose neighbours have names; all of them without it
   * @throws XiaError `bad-argument`, `bad-config`
   */
  setRoute(to: Xid, face: number, nextHop?: Xid): void {
    const { stack, faces } = this.#options;
    stack.addRoute(to, { face, neighbour: faces.neighbourFor(face, nextHop) });
  }

  removeRoute(to: Xid): void {
    this.#options.stack.removeRoute(to);
  }

  /** Routes by another principal type as well. */
  addPrincipal(type: number): void {
    this.#options.stack.engine.addPrincipal(type);
  }

  /** @throws XiaError `refused` while there are routes of the type */
  removePrincipal(type: number): void {
    if (!this.#options.stack.engine.removePrincipal(type))
      throw new XiaError('refused', `principal type 0x${type.toString(16)} cannot go: there are still routes of it`, { type });
  }

  /** A smaller budget makes chunks go at once; another policy makes none go. */
  setCache(settings: CacheSettings): void {
    this.#options.enter(() => this.#options.stack.content.configureCache(settings));
  }

  /** Routers: the pace of the beacons and how long each holds. */
  setBeacon({ intervalMs, lifetimeMs }: { readonly intervalMs: number; readonly lifetimeMs: number }): void {
    this.#options.enter((now) => this.#options.stack.mobility.configure({ beacon: { intervalMs, lifetimeMs } }, now));
  }

  /** Routers: another certificate (statement bytes) of the same AD for the same key. @throws XiaError `bad-key`, `refused` */
  setCertificate(certificate: Uint8Array): void {
    const { stack, identity, enter } = this.#options;
    const ad = certifiedAd(certificate, identity);
    if (stack.ad?.equals(ad) !== true) throw new XiaError('refused', `the certificate is of another AD, ${ad.toString()}`);
    enter((now) => stack.mobility.configure({ certificate }, now));
    stack.routing?.renew(certificate);
  }

  /** Routers tell it in their beacons; others use it in place of what beacons say, undefined for that again. */
  setNameServer(nameServer: Dag | undefined): void {
    this.#options.enter((now) => this.#options.stack.setNameServer(nameServer, now));
  }

  /** The ADs that may be attached to; undefined: all. A place in another AD is left at once. */
  setTrust(ads: readonly Xid[] | undefined): void {
    this.#options.enter((now) => this.#options.stack.mobility.trust(ads, now));
  }

  /** A HID that moves more than `limit` times within `windowMs` is frozen for a while. */
  setMoves(moves: { readonly limit: number; readonly windowMs: number }): void {
    this.#options.enter((now) => this.#options.stack.mobility.configure({ moves }, now));
  }

  /** Holds packets of machines that stand still otherwise, or not at all. */
  setHolding(holding: HoldingOptions): void {
    this.#options.enter((now) => this.#options.stack.setHolding(holdLimits(holding), now));
  }

  /** Sends nothing by a face any more. Returns what closes it. */
  #dropFace(id: number): () => Promise<void> {
    const { stack, faces, enter } = this.#options;
    const close = faces.drop(id);
    enter((now) => stack.removeFace(id, now));
    return close;
  }
}
