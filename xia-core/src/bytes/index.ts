export { finishChecksum, internetChecksum, sumWords } from './checksum.js';
export { concatBytes, copyBytes, equalBytes } from './compare.js';
export { Counters } from './counters.js';
export { errorCodes, XiaError, type ErrorCode } from './error.js';
export type { Gauge } from './gauge.js';
export { fromHex, toHex } from './hex.js';
export {
  readU16BE,
  readU16LE,
  readU32BE,
  readU32LE,
  readU48BE,
  writeU16BE,
  writeU16LE,
  writeU32BE,
  writeU32LE,
  writeU48BE,
} from './integers.js';
export { NeighbourLimiter, type NeighbourLimits } from './neighbour-limiter.js';
export { SeededRandom, type RandomSource } from './random.js';
export { KeyedRateLimiter } from './rate-limiter.js';
export { RangeSet } from './range-set.js';
export { SequenceSource } from './sequence.js';
export { TimerQueue } from './timer-queue.js';
export { TokenBucket } from './token-bucket.js';
