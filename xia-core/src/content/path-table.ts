import { copyBytes, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { PrincipalType, XID_ID_BYTES } from '../xid/index.js';
import type { ChunkPath } from './chunk-fetch.js';
import { FetchPath } from './fetch-path.js';
import type { FlightControlOptions } from './flight-control.js';
import { IdMap } from './id-map.js';

export const MAX_PATHS = 256;
/** What was learnt about a path that was not used for so long is worth nothing any more. */
const FORGET_AFTER_MS = 60_000;

const NOWHERE = new Uint8Array(XID_ID_BYTES);

/** The paths that chunks are fetched by, one per host; those that nobody uses are forgotten after a while. */
export class PathTable {
  readonly #options: FlightControlOptions;
  readonly #paths = new IdMap<FetchPath>();
  /** Those in use, in the order that they came into it. */
  readonly #used = new Set<FetchPath>();
  /** Shared by all for which there is no room. */
  #shared: FetchPath | undefined;
  #highWater = 0;
  #refused = 0;

  constructor(options: FlightControlOptions) {
    this.#options = options;
  }

  /** The paths that chunks are fetched by at present. */
  get used(): ReadonlySet<FetchPath> {
    return this.#used;
  }

  /** The path that an address leads by, which is in use from now on. Whoever is done with it says so by {@link leave}. */
  enter(dag: Dag, now: number): FetchPath {
    const key = (dag.find(PrincipalType.HID) ?? dag.find(PrincipalType.AD))?.id ?? NOWHERE;
    const path = this.#paths.get(key) ?? this.#add(copyBytes(key), now);
    path.users++;
    this.#used.add(path);
    return path;
  }

  /** One user of a path less. */
  leave(path: ChunkPath, now: number): void {
    for (const used of this.#used) {
      if (used !== path || --used.users > 0) continue;
      used.idleSince = now;
      this.#used.delete(used);
    }
  }

  /** Node moved: nothing is known about any path any more. */
  reset(now: number): void {
    for (const path of this.#paths.values()) path.reset(now);
    this.#shared?.reset(now);
  }

  gauge(): Gauge {
    const used = this.#paths.size;
    return { name: 'fetch paths', unit: 'entries', used, highWater: this.#highWater, bound: MAX_PATHS, refused: this.#refused };
  }

  #add(key: Uint8Array, now: number): FetchPath {
    this.#forget(now);
    if (this.#paths.size >= MAX_PATHS) {
      this.#refused++;
      return (this.#shared ??= new FetchPath(NOWHERE, this.#options));
    }
    const path = new FetchPath(key, this.#options);
    this.#paths.set(key, path);
    this.#highWater = Math.max(this.#highWater, this.#paths.size);
    return path;
  }

  /** Lets go of what has been idle for long, and of the one idle for longest when there is no room. */
  #forget(now: number): void {
    const idle = [...this.#paths.values()].filter(({ isIdle }) => isIdle).toSorted((a, b) => a.idleSince - b.idleSince);
    for (const [i, path] of idle.entries()) {
      const isCrowded = i === 0 && this.#paths.size >= MAX_PATHS;
      if (isCrowded || now - path.idleSince >= FORGET_AFTER_MS) this.#paths.delete(path.key);
    }
  }
}
