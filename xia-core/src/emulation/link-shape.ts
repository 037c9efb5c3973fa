import { XiaError } from '../bytes/index.js';

/** Losses that come together (Gilbert and Elliott): a chain of a good and a bad state, moved on by each packet. */
export interface BurstShape {
  /** Share of packets before which the good state turns bad, 0 to 1. */
  readonly enter: number;
  /** Share of packets before which the bad state turns good; a burst takes 1 / `leave` packets on average. */
  readonly leave: number;
  /** Share of packets lost in the bad state. */
  readonly loss: number;
}

/** A time in which nothing passes, in ms since the link began. */
export interface Blackout {
  readonly atMs: number;
  readonly forMs: number;
  /** From its beginning to that of the next one like it; without it there is only one. */
  readonly everyMs?: number;
}

/** What one direction of a link does to packets. Shares are 0 to 1, times ms, sizes bytes. */
export interface LinkShape {
  readonly delayMs: number;
  /** Added to the delay, uniformly from 0. Packets keep their order unless `jitterReorders`. */
  readonly jitterMs?: number;
  readonly jitterReorders?: boolean;
  /** Without it packets take no time to send, and none waits. */
  readonly bytesPerSecond?: number;
  /** What may wait for a link with a rate, the packet being sent included; more is dropped. Default `DEFAULT_QUEUE_BYTES`. */
  readonly queueBytes?: number;
  /** Share of packets lost, each by itself. */
  readonly loss?: number;
  readonly burst?: BurstShape;
  /** A share of packets is held back by up to `delayMs`, and those behind it pass. */
  readonly reorder?: { readonly share: number; readonly delayMs: number };
  readonly duplicate?: number;
  /** Share of packets with one flipped bit. */
  readonly corrupt?: number;
  /** Larger packets vanish, and nobody is told. */
  readonly mtu?: number;
  /** From this time on the MTU is another one. */
  readonly mtuDrop?: { readonly atMs: number; readonly mtu: number };
  readonly blackouts?: readonly Blackout[];
}

export const DEFAULT_QUEUE_BYTES = 65_536;

function isShare(value: number | undefined): boolean {
  return value === undefined || (value >= 0 && value <= 1);
}

function isSize(value: number | undefined): boolean {
  return value === undefined || (Number.isFinite(value) && value > 0);
}

function isTime(value: number | undefined): boolean {
  return value === undefined || (Number.isFinite(value) && value >= 0);
}

/** What is wrong with a shape, in words; undefined when nothing is. */
export function shapeFault(shape: LinkShape): string | undefined {
  const { burst, reorder, mtuDrop, blackouts = [] } = shape;
  const shares = [shape.loss, shape.duplicate, shape.corrupt, burst?.enter, burst?.leave, burst?.loss, reorder?.share];
  const times = [shape.delayMs, shape.jitterMs, reorder?.delayMs, mtuDrop?.atMs];
  if (!shares.every(isShare)) return 'a share is from 0 to 1';
  if (!times.every(isTime)) return 'a time is 0 or more';
  if (![shape.bytesPerSecond, shape.queueBytes, shape.mtu, mtuDrop?.mtu].every(isSize)) return 'a rate or size is more than 0';
  for (const { atMs, forMs, everyMs } of blackouts) {
    if (!isTime(atMs) || !isSize(forMs)) return 'a blackout begins at 0 or later and takes some time';
    if (everyMs !== undefined && !(everyMs > forMs)) return 'a blackout is over before it comes again';
  }
  return undefined;
}

/** @throws XiaError `bad-argument` */
export function checkShape(shape: LinkShape): void {
  const fault = shapeFault(shape);
  if (fault !== undefined) throw new XiaError('bad-argument', `not a shape of a link: ${fault}`, { shape });
}

/** Whether nothing passes at a time since the link began. */
export function isBlackedOut(blackouts: readonly Blackout[], atMs: number): boolean {
  for (const one of blackouts) {
    const since = atMs - one.atMs;
    if (since < 0) continue;
    if ((one.everyMs === undefined ? since : since % one.everyMs) < one.forMs) return true;
  }
  return false;
}
