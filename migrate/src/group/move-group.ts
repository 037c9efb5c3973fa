import { GroupSchedule, type GroupOptions } from './group-schedule.js';

/**
 * Makes the moves of a group, several at a time. `move` must not throw: it says by its value whether it succeeded.
 * @param signal no further move begins; those that run are ended by their own
 * @returns what each move gave; those that never began are missing
 */
export async function moveGroup<Outcome>(
  names: readonly string[],
  options: GroupOptions & { readonly signal?: AbortSignal },
  move: (name: string) => Promise<Outcome>,
  succeeded: (outcome: Outcome) => boolean,
): Promise<Map<string, Outcome>> {
  const schedule = new GroupSchedule(names, options);
  const outcomes = new Map<string, Outcome>();
  const stop = () => schedule.stop();
  if (options.signal?.aborted) stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    await beginNext();
  } finally {
    options.signal?.removeEventListener('abort', stop);
  }
  return outcomes;

  async function beginNext(): Promise<void> {
    await Promise.all(
      schedule.take().map(async (name) => {
        const outcome = await move(name);
        outcomes.set(name, outcome);
        schedule.finish(name, succeeded(outcome));
        await beginNext();
      }),
    );
  }
}
