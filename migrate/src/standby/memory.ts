import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Keeps what was compiled, however long nobody needs it: V8 drops the code of functions that slept through a few collections. */
export function keepCode(): void {
  setFlagsFromString('--no-flush-bytecode');
}

/** A function that collects all garbage at once, so that a move does not begin with what the one before it has left. */
export function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  return () => {
    if (typeof collect === 'function') collect();
  };
}
