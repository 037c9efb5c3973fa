import { OwnershipFile } from '../state/index.js';
import type { RunMigrationOptions } from './migration-plan.js';
import type { ProgramPair } from './program-pair.js';

/** What the ends tell each other is the truer reason, so they have a moment to do so. */
const GRACE_MS = 1_000;
/** How long one end may take to end after the other has. */
const PATIENCE_MS = 90_000;

/**
 * Sees to it that one end does not wait long for another that is gone: which end is, only this process knows at once. Before the
 * commit the one that is left is told to stop. In the commit nothing may be taken from it but the wait: what the other end has
 * written down is all that it could ever say.
 */
export class StragglerWatch {
  readonly #pair: ProgramPair;
  readonly #options: RunMigrationOptions;
  #aloneSinceMs: number | undefined;

  constructor(pair: ProgramPair, options: RunMigrationOptions) {
    this.#pair = pair;
    this.#options = options;
  }

  /** To be called again and again. `give-up`: the one that is left cannot learn anything that the state files do not say. */
  look(isSenderOver: boolean): 'wait' | 'give-up' {
    const { sender, receiver } = this.#pair;
    const now = performance.now();
    if (!isSenderOver && !receiver.isOver) return 'wait';
    this.#aloneSinceMs ??= now;
    const aloneMs = now - this.#aloneSinceMs;
    if (aloneMs < GRACE_MS) return 'wait';
    if (isSenderOver) receiver.stop();
    else {
      sender.stop();
      if (this.#isHandedOver() && aloneMs > 2 * GRACE_MS) return 'give-up';
    }
    return aloneMs > PATIENCE_MS ? 'give-up' : 'wait';
  }

  #isHandedOver(): boolean {
    const record = new OwnershipFile(this.#options.source.stateDirectory, this.#options.vm).read();
    return record?.role === 'source' && record.phase === 'handed-over';
  }
}
