import { SeededRandom, type LinkShape, type RandomSource } from 'xia-core';

/** Something that changes where a node is. Nodes are given by their place in the plan's lists. */
export type Step = { readonly atMs: number } &
  /** `announced`: its card announces itself at the new host. */
  (
    | { readonly kind: 'vm'; readonly vm: number; readonly host: number; readonly hinted: boolean; readonly announced: boolean }
    /** It signs a binding for a host where it may soon be, or (`loose`) never is: that one sends it up all the same. */
    | { readonly kind: 'prepare'; readonly vm: number; readonly host: number; readonly loose: boolean }
    | { readonly kind: 'host'; readonly host: number; readonly router: number }
    | { readonly kind: 'restart'; readonly router: number }
  );

/** What is special about a run. */
export const moveStyles = ['calm', 'rapid', 'back', 'swap', 'both', 'host', 'restart'] as const;
export type MoveStyle = (typeof moveStyles)[number];

/** A network, and what happens in it. Everything follows from the seed. */
export interface MovesPlan {
  readonly seed: number;
  readonly style: MoveStyle;
  /** Whether routers find the ways by link-state routing, or are told them. */
  readonly ways: 'found' | 'static';
  readonly shape: LinkShape;
  readonly ads: number;
  /** The AD of each router. */
  readonly routers: readonly number[];
  /** Pairs of routers. */
  readonly links: readonly (readonly [number, number])[];
  /** The router of each host. */
  readonly hosts: readonly number[];
  /** The host of each VM at the beginning. */
  readonly vms: readonly number[];
  readonly steps: readonly Step[];
}

const MIN_ADS = 3;
const MAX_ADS = 8;
const MAX_ROUTERS_OF_AD = 3;
/** Of all ADs together; what routers tell each other grows faster than they do. */
const MAX_ROUTERS = 8;

export function planMoves(seed: number): MovesPlan {
  // Small seeds in a row would begin with numbers alike.
  const rng = new SeededRandom(Math.imul(seed, 0x9e3779b1) >>> 0);
  const style = moveStyles[rng.below(moveStyles.length)]!;
  const ways = rng.below(4) === 0 ? 'found' : 'static';
  const ads = MIN_ADS + rng.below(MAX_ADS - MIN_ADS + 1);
  const routers = routersOf(rng, ads, ways);
  const hosts = Array.from({ length: 3 + rng.below(3) }, () => rng.below(routers.length));
  const vms = Array.from({ length: style === 'swap' || style === 'both' ? 2 : 1 }, (_, vm) => vm);
  const plan = { seed, style, ways, shape: shapeOf(rng), ads, routers, links: linksOf(rng, routers), hosts, vms } as const;
  return { ...plan, steps: withPreparations(seed, plan, stepsOf(rng, plan)) };
}

/** Before half of the moves the VM prepares itself, where there is time; sometimes for a host that it does not come to. */
function withPreparations(seed: number, { hosts }: Pick<MovesPlan, 'hosts'>, steps: readonly Step[]): Step[] {
  const rng = new SeededRandom(Math.imul(seed, 0x85ebca6b) >>> 0);
  const all: Step[] = [];
  for (const step of steps) {
    const isPrepared = step.kind === 'vm' && rng.below(2) === 0;
    const atMs = Math.max(0, step.atMs - 5 - rng.below(300));
    if (isPrepared) all.push({ atMs, kind: 'prepare', vm: step.vm, host: step.host, loose: false });
    if (step.kind === 'vm' && rng.below(8) === 0)
      all.push({ atMs, kind: 'prepare', vm: step.vm, host: rng.below(hosts.length), loose: true });
    all.push(isPrepared ? { ...step, announced: true } : step);
  }
  return all.toSorted((a, b) => a.atMs - b.atMs);
}

/** One for each AD and, unless nobody would tell the others of an AD who is bound at which of them, some more. */
function routersOf(rng: RandomSource, ads: number, ways: MovesPlan['ways']): number[] {
  const counts = Array.from({ length: ads }, () => 1);
  for (let more = ways === 'static' ? 0 : rng.below(MAX_ROUTERS - ads + 1); more > 0; more--) {
    const ad = rng.below(ads);
    if (counts[ad]! < MAX_ROUTERS_OF_AD) counts[ad]!++;
  }
  return counts.flatMap((count, ad) => Array.from({ length: count }, () => ad));
}

/** From a clean link to one that loses, doubles, delays and reorders. */
function shapeOf(rng: RandomSource): LinkShape {
  const delayMs = [0.1, 1, 5, 20][rng.below(4)]!;
  if (rng.below(3) === 0) return { delayMs };
  return {
    delayMs,
    jitterMs: delayMs * rng.below(4),
    jitterReorders: rng.below(2) === 0,
    loss: [0, 0.02, 0.1][rng.below(3)]!,
    duplicate: [0, 0.05][rng.below(2)]!,
  };
}

/** A tree, so that it is connected; the routers of an AD among themselves first; and some more. */
function linksOf(rng: RandomSource, routers: readonly number[]): (readonly [number, number])[] {
  const links: [number, number][] = [];
  const add = (a: number, b: number): void => {
    if (a !== b && !links.some(([x, y]) => (x === a && y === b) || (x === b && y === a))) links.push([a, b]);
  };
  for (const [router, ad] of routers.entries()) {
    if (router === 0) continue;
    // The routers of an AD lie side by side in the list.
    const before = routers[router - 1] === ad ? router - 1 : rng.below(router);
    add(before, router);
  }
  for (let more = rng.below(routers.length); more > 0; more--) add(rng.below(routers.length), rng.below(routers.length));
  return links;
}

function stepsOf(rng: RandomSource, { style, hosts, vms, routers }: Omit<MovesPlan, 'steps'>): Step[] {
  const steps: Step[] = [];
  const at = [...vms];
  const elsewhere = (host: number): number => (host + 1 + rng.below(hosts.length - 1)) % hosts.length;
  const move = (atMs: number, vm: number, host: number): void => {
    at[vm] = host;
    steps.push({ atMs, kind: 'vm', vm, host, hinted: rng.below(5) > 0, announced: false });
  };
  const gapMs = style === 'rapid' ? 1 + rng.below(120) : 100 + rng.below(400);
  const moves = style === 'rapid' ? 2 + rng.below(5) : 1 + rng.below(3);
  for (let round = 0; round < moves; round++) {
    const atMs = round * gapMs * (0.5 + rng.below(100) / 100);
    const first = at[0]!;
    if (style === 'swap') {
      const second = at[1]!;
      move(atMs, 0, second);
      move(atMs + rng.below(3), 1, first);
    } else {
      move(atMs, 0, elsewhere(first));
      if (style === 'both') move(atMs + rng.below(30), 1, elsewhere(at[1]!));
      if (style === 'back') move(atMs + 1 + rng.below(400), 0, first);
    }
    if (style === 'host') steps.push({ atMs: atMs + rng.below(400), kind: 'host', host: at[0]!, router: rng.below(routers.length) });
    if (style === 'restart' && round === 0) steps.push({ atMs: atMs + rng.below(100), kind: 'restart', router: rng.below(routers.length) });
  }
  return steps.toSorted((a, b) => a.atMs - b.atMs);
}
