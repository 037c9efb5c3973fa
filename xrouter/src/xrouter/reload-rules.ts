import { configDifferences, valueText } from 'xia-core';

/** The settings of a node that are set as a whole when one of their keys differs. */
export type SettingName = 'beacon' | 'cache' | 'holding' | 'moves' | 'nameserver' | 'trust';

/**
 * What a reload does about a key that differs:
 * - a `SettingName`: that setting is set anew
 * - `update`: the face, or route, is changed where it is; `reopen`: another face takes its place
 * - `identity`: says which face or route it is, so that another value is another one
 * - `parts`: a list that is compared by what its entries are; `file`: what the file has in it is compared
 * - `log`, `control`, `principals`: what the key says
 * - `restart`: nothing; the reload is refused
 */
export type ReloadRule = SettingName | 'update' | 'reopen' | 'identity' | 'parts' | 'file' | 'log' | 'control' | 'principals' | 'restart';

/**
 * How each key of a configuration is taken over while the daemon runs. A key that is not in here needs a restart; a test
 * finds the keys that were forgotten.
 */
export const reloadRules: Readonly<Record<string, ReloadRule>> = {
  name: 'restart',
  role: 'restart',
  key: 'restart',
  'ad.certificate': 'file',
  trust: 'trust',
  nameserver: 'nameserver',
  principals: 'principals',
  'faces[].name': 'identity',
  'faces[].role': 'update',
  'faces[].cost': 'update',
  'faces[].mtu': 'update',
  'faces[].udp.listen': 'reopen',
  'faces[].udp.peers': 'update',
  'faces[].udp.offload': 'reopen',
  'faces[].ethernet.listen': 'reopen',
  'faces[].ethernet.peers': 'update',
  'faces[].ethernet.mac': 'reopen',
  'faces[].ethernet.neighbours': 'reopen',
  'faces[].ethernet.xarp': 'reopen',
  'faces[].netdev.path': 'reopen',
  'faces[].unix.listen': 'reopen',
  'faces[].unix.peers': 'update',
  'routes[].to': 'identity',
  'routes[].via': 'update',
  'routes[].nextHop': 'update',
  contentHash: 'restart',
  'routing.enabled': 'restart',
  'routing.helloMs': 'restart',
  'routing.deadMs': 'restart',
  'cache.bytes': 'cache',
  'cache.policy': 'cache',
  'cache.admit': 'cache',
  'beacon.intervalMs': 'beacon',
  'beacon.lifetimeMs': 'beacon',
  'holding.enabled': 'holding',
  'holding.ageMs': 'holding',
  'holding.bytes': 'holding',
  'moves.limit': 'moves',
  'moves.windowMs': 'moves',
  control: 'control',
  'log.level': 'log',
  'log.file': 'log',
};

/** One thing that a reload changes, for people: `cache.bytes`, `faces.r2.mtu`, `routes.AD:...`. */
export interface Change {
  readonly path: string;
  /** Undefined when it was not there. */
  readonly from: unknown;
  /** Undefined when it is no more. */
  readonly to: unknown;
}

/** A difference of one entry of a list. Its path has the entry's own name in it. */
export interface PartDifference extends Change {
  readonly rule: ReloadRule | undefined;
}

/** How two versions of an entry of `faces` or `routes` differ. */
export function partDifferences(list: 'faces' | 'routes', name: string, from: unknown, to: unknown): PartDifference[] {
  const prefix = `${list}[]`;
  return configDifferences(from, to, reloadRules, prefix).map((difference) => ({
    ...difference,
    path: `${list}.${name}${difference.path.slice(prefix.length)}`,
  }));
}

/** The part of a face that can only change by opening another one, and the name: equal for faces that are one. */
export function faceKey(face: { readonly name: string }): string {
  return `${face.name} ${valueText(fixedPart(face, 'faces[]'))}`;
}

function fixedPart(value: object, prefix: string): object {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]: [string, unknown]) => {
      const path = `${prefix}.${key}`;
      const rule = reloadRules[path];
      const isInner = rule === undefined && Object.keys(reloadRules).some((known) => known.startsWith(`${path}.`));
      if (isInner && typeof part === 'object' && part !== null) return [[key, fixedPart(part, path)]];
      return rule === undefined || rule === 'reopen' ? [[key, part]] : [];
    }),
  );
}

/** `cache.bytes: 1024 -> 2048`. */
export function changeText({ path, from, to }: Change): string {
  if (from === undefined) return `${path}: added ${plain(to)}`;
  if (to === undefined) return `${path}: removed ${plain(from)}`;
  return `${path}: ${plain(from)} -> ${plain(to)}`;
}

/** As a configuration says it: addresses, too, are text without quotes. */
function plain(value: unknown): string {
  const text = valueText(value);
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}
