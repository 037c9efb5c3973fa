import { randomBytes, randomInt } from 'node:crypto';
import type { RandomSource } from '../bytes/index.js';

/** Unpredictable randomness from the operating system. */
export const nodeRandom: RandomSource = {
  bytes: (length) => randomBytes(length),
  below: (bound) => randomInt(bound),
  unit: () => randomInt(2 ** 32) / 2 ** 32,
};
