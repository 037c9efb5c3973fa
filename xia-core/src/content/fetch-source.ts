import { equalBytes, XiaError } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { PrincipalType, type Xid } from '../xid/index.js';
import { originDag } from './origin-dag.js';

/** Round trips without any answer after which a source is silent: asked with single small probes only. */
const SILENT_ROUNDS = 2;

/**
 * The CID that all addresses of a chunk end in.
 * @throws XiaError `bad-argument` when they do not
 */
export function chunkIdOf(dag: Dag, sources: readonly Dag[] = []): Xid {
  const cid = dag.intent;
  if (cid.type !== PrincipalType.CID) {
    throw new XiaError('bad-argument', 'the address of a chunk ends in a CID', { dag: dag.toString() });
  }
  const stray = sources.find(({ intent }) => !intent.equals(cid));
  if (stray !== undefined) throw new XiaError('bad-argument', 'a source is the address of another chunk', { dag: stray.toString() });
  return cid;
}

/** One of those who may be asked for a chunk, as far as it concerns this chunk. */
export class FetchSource<Path> {
  /** The address as it was given. */
  readonly address: Dag;
  /** What it shares with all chunks that are asked for there. */
  readonly path: Path;
  /** Round trips in a row in which ranges were lost and nothing arrived. */
  silentRounds = 0;
  /** Was taken for not silent any more without an answer of its own; once is enough. */
  revived = false;
  /** Something of the chunk came from it. */
  heard = false;
  /** Given up before anything came from it. */
  unansweredBytes = 0;
  /** Not to be asked: what is wrong with the chunk is sought elsewhere. */
  excluded = false;
  readonly #host: Uint8Array | undefined;
  #pastCaches: Dag | undefined;
  #roundBeganAt = Number.NEGATIVE_INFINITY;

  constructor(address: Dag, path: Path) {
    this.address = address;
    this.path = path;
    this.#host = address.find(PrincipalType.HID)?.id;
  }

  get silent(): boolean {
    return this.silentRounds >= SILENT_ROUNDS;
  }

  /** The same address such that no cache before the source is asked. */
  get pastCaches(): Dag {
    return (this.#pastCaches ??= originDag(this.address));
  }

  /** Whether the node with this HID (20 bytes) is the source itself. */
  isHost(hid: Uint8Array): boolean {
    return this.#host !== undefined && equalBytes(this.#host, hid);
  }

  /** Notes that something which was asked for at `sentAt` was lost. */
  noteLost(sentAt: number, now: number): void {
    if (sentAt < this.#roundBeganAt) return;
    this.#roundBeganAt = now;
    this.silentRounds++;
  }

  /** Something new came from it. */
  answered(): void {
    this.heard = true;
    this.silentRounds = 0;
    this.revived = false;
  }

  /** Counts as not silent from now on. */
  revive(): void {
    this.silentRounds = 0;
    this.revived = true;
  }
}
