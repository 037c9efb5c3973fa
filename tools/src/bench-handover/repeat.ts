import { XiaError } from 'xia-core';

/** What came of several rounds. */
export interface Rounds<Run> {
  /** Undefined for the round that failed, after which there was no other. */
  readonly runs: readonly (Run | undefined)[];
  /** Why it ended early. */
  readonly notes: readonly string[];
}

/**
 * Measures so many times. When a round fails what was measured before it is kept, and a missing value says that not all was: a machine
 * that is lost cannot be moved on. Only an interruption is thrown.
 * @throws the signal's reason
 */
export async function repeat<Run>(rounds: number, signal: AbortSignal, measure: (round: number) => Promise<Run>): Promise<Rounds<Run>> {
  const runs: (Run | undefined)[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    try {
      runs.push(await measure(round));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof XiaError)) throw error;
      return { runs: [...runs, undefined], notes: [`round ${round + 1} of ${rounds} failed: ${error.message.split('\n').join(' ')}`] };
    }
  }
  return { runs, notes: [] };
}
