import type { LinkShape } from './link-shape.js';

/** A link that has a name. */
export interface LinkPreset {
  readonly description: string;
  /** From the end that is named first, and to it. */
  readonly there: LinkShape;
  readonly back: LinkShape;
  /** The router behind the link stops, and begins anew after a time with an empty cache, the same addresses and routes. */
  readonly restart?: { readonly atMs: number; readonly forMs: number };
}

const MBIT = 125_000;

function alike(description: string, shape: LinkShape): LinkPreset {
  return { description, there: shape, back: shape };
}

/** Queues hold what is under way in one round trip, unless the preset is about them. */
const lan: LinkShape = { delayMs: 0.1, bytesPerSecond: 1000 * MBIT, queueBytes: 512_000 };
const wan: LinkShape = { delayMs: 13.5, bytesPerSecond: 1000 * MBIT, queueBytes: 3_375_000 };
const wan200: LinkShape = { delayMs: 13.5, bytesPerSecond: 200 * MBIT, queueBytes: 675_000 };

const blackout = (forMs: number): LinkShape => ({ ...wan200, blackouts: [{ atMs: 100, forMs, everyMs: forMs + 10_000 }] });

/** The named links, by name. A time in a name is that of the round trip. */
export const linkPresets = {
  lan: alike('0.2 ms, 1 Gbit/s', lan),
  metro: alike('5 ms, 1 Gbit/s', { delayMs: 2.5, bytesPerSecond: 1000 * MBIT, queueBytes: 625_000 }),
  wan: alike('27 ms, 1 Gbit/s', wan),
  intercontinental: alike('150 ms, 200 Mbit/s', { delayMs: 75, bytesPerSecond: 200 * MBIT, queueBytes: 3_750_000 }),
  loss1: alike('27 ms, 200 Mbit/s, 1 % lost', { ...wan200, loss: 0.01 }),
  loss5: alike('27 ms, 200 Mbit/s, 5 % lost', { ...wan200, loss: 0.05 }),
  burst: alike('27 ms, 200 Mbit/s, 1 % lost in bursts of 4, 10 % reordered by up to 5 ms', {
    ...wan200,
    burst: { enter: 0.005, leave: 0.25, loss: 0.5 },
    reorder: { share: 0.1, delayMs: 5 },
  }),
  smoltcp: alike('5 ms, 100 Mbit/s, 15 % lost, 15 % with a flipped bit', {
    delayMs: 2.5,
    bytesPerSecond: 100 * MBIT,
    queueBytes: 125_000,
    loss: 0.15,
    corrupt: 0.15,
  }),
  reorder10: alike('27 ms, 200 Mbit/s, 10 % reordered by up to 5 ms', { ...wan200, reorder: { share: 0.1, delayMs: 5 } }),
  'blackout-0.5s': alike('27 ms, 200 Mbit/s, nothing for 0.5 s after 0.1 s, and 10 s later again', blackout(500)),
  'blackout-2s': alike('27 ms, 200 Mbit/s, nothing for 2 s after 0.1 s, and 10 s later again', blackout(2000)),
  'blackout-10s': alike('27 ms, 200 Mbit/s, nothing for 10 s after 0.1 s, and 10 s later again', blackout(10_000)),
  bufferbloat: alike('20 ms, 10 Mbit/s, a queue of 1 s', { delayMs: 10, bytesPerSecond: 10 * MBIT, queueBytes: 1_250_000 }),
  asymmetric: {
    description: '27 ms, 200 Mbit/s there and 5 Mbit/s back',
    there: wan200,
    back: { delayMs: 13.5, bytesPerSecond: 5 * MBIT, queueBytes: 64_000 },
  },
  'mtu-drop': alike('27 ms, 200 Mbit/s, packets of 1500 bytes pass, after 0.1 s only of 1280', {
    ...wan200,
    mtu: 1500,
    mtuDrop: { atMs: 100, mtu: 1280 },
  }),
  'router-restart': {
    ...alike('27 ms, 200 Mbit/s, the router behind it stops after 0.1 s, and is back 0.2 s later with an empty cache', wan200),
    restart: { atMs: 100, forMs: 200 },
  },
} as const satisfies Readonly<Record<string, LinkPreset>>;

export type LinkPresetName = keyof typeof linkPresets;

export function isLinkPresetName(name: string): name is LinkPresetName {
  return Object.hasOwn(linkPresets, name);
}
