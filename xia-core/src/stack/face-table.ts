import { XiaError, type Gauge } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';

/** Which way a face looks: to nodes that attach to us, to the node that we attach to, or to another router. */
export type FaceRole = 'access' | 'uplink' | 'peer';

/** What the stack must know of a face; the sending and receiving itself is outside. */
export interface FaceSpec {
  readonly name: string;
  readonly role: FaceRole;
  /** Largest XIP packet in bytes. */
  readonly mtu: number;
  /** The name of a neighbour, where the link has names for its stations. */
  hidOf?(neighbour: number): Xid | undefined;
}

const MAXIMUM_FACES = 256;

/** The faces of a node. Identifiers start at 1 and are not used again while the node lives. */
export class FaceTable {
  readonly #faces = new Map<number, FaceSpec>();
  #nextId = 1;
  #highWater = 0;
  #refused = 0;

  /** @throws XiaError `limit-reached` */
  add(spec: FaceSpec): number {
    if (this.#faces.size >= MAXIMUM_FACES) {
      this.#refused++;
      throw new XiaError('limit-reached', `no more than ${MAXIMUM_FACES} faces on a node`, { face: spec.name });
    }
    const id = this.#nextId++;
    this.#faces.set(id, spec);
    this.#highWater = Math.max(this.#highWater, this.#faces.size);
    return id;
  }

  /** Forgets a face. Routes through it are for the caller to remove. */
  remove(id: number): void {
    this.#faces.delete(id);
  }

  get(id: number): FaceSpec | undefined {
    return this.#faces.get(id);
  }

  /** The MTU of a face, 0 when there is no such face. */
  mtu(id: number): number {
    return this.#faces.get(id)?.mtu ?? 0;
  }

  isAccess(id: number): boolean {
    return this.#faces.get(id)?.role === 'access';
  }

  byName(name: string): number | undefined {
    for (const [id, spec] of this.#faces) if (spec.name === name) return id;
    return undefined;
  }

  /** The identifiers of the faces with one role. */
  withRole(role: FaceRole): number[] {
    return [...this.#faces].filter(([, spec]) => spec.role === role).map(([id]) => id);
  }

  gauges(): Gauge[] {
    const used = this.#faces.size;
    return [{ name: 'faces', unit: 'entries', used, highWater: this.#highWater, bound: MAXIMUM_FACES, refused: this.#refused }];
  }

  entries(): Iterable<[number, FaceSpec]> {
    return this.#faces.entries();
  }
}
