import { configDifferences, parseHostPort, type Xid } from 'xia-core';
import type { NodeConfig } from './config.js';
import {
  faceKey,
  partDifferences,
  reloadRules,
  type Change,
  type PartDifference,
  type ReloadRule,
  type SettingName,
} from './reload-rules.js';

export type FaceEntry = NodeConfig['faces'][number];

/** A configuration with what was in the files that it names. */
export interface LoadedConfig {
  readonly config: NodeConfig;
  /** The certificate's statement, base64; undefined for a host. */
  readonly certificate: string | undefined;
}

/** Where a static route leads. */
export interface RouteWay {
  /** Key of the face, see `faceKey`. */
  readonly face: string;
  /** The HID of the neighbour, where the face knows its neighbours by name. */
  readonly nextHop: Xid | undefined;
}

/** One thing that is done to a running node. Each can be undone by another one; see `inverse`. */
export type ReloadStep =
  | { readonly kind: 'log'; readonly from: NodeConfig['log']; readonly to: NodeConfig['log'] }
  | { readonly kind: 'open-control' | 'close-control'; readonly path: string }
  | { readonly kind: 'add-principal' | 'remove-principal'; readonly code: number }
  | { readonly kind: 'open-face' | 'close-face'; readonly face: FaceEntry }
  | { readonly kind: 'update-face'; readonly from: FaceEntry; readonly to: FaceEntry }
  /** A static route: the way that it had and the one that it has, undefined for no route. */
  | { readonly kind: 'route'; readonly to: Xid; readonly from: RouteWay | undefined; readonly via: RouteWay | undefined }
  | { readonly kind: 'certificate'; readonly from: string; readonly to: string }
  | { readonly kind: 'setting'; readonly setting: SettingName; readonly from: NodeConfig; readonly to: NodeConfig };

export interface ReloadPlan {
  /** What needs a restart. With any of these nothing is done. */
  readonly refused: readonly Change[];
  /** What differs, for people. Empty exactly when `steps` is, unless names differ that nothing depends on. */
  readonly changes: readonly Change[];
  /** In the order in which they are to be done: what is new before what depends on it, what goes last. */
  readonly steps: readonly ReloadStep[];
}

const NEVER: ReadonlySet<ReloadRule | undefined> = new Set([undefined, 'restart']);

/** What has to be done to a node that runs by one configuration so that it runs by another. */
export function reloadPlan(running: LoadedConfig, next: LoadedConfig): ReloadPlan {
  const [a, b] = [running.config, next.config];
  const top = topDifferences(a, b);
  const faces = compareFaces(a, b);
  const routes = compareRoutes(a, b);
  const certificate = compareCertificates(running, next);
  const differences = [...top, ...faces.differences, ...routes.differences];
  const settings = new Set(top.map(({ rule }) => rule).filter(isSetting));
  const codes = (config: NodeConfig) => [...new Set(Object.values(config.principals))];
  const isEarly = (key: string | undefined) => key !== undefined && faces.early.has(key);
  const isEarlyWay = (way: RouteWay | undefined) => isEarly(way?.face);
  const turned = routes.turns.map(({ to, from, via }): ReloadStep => ({
    kind: 'route',
    to,
    from: isEarlyWay(from) ? undefined : from,
    via,
  }));
  return {
    refused: differences.filter(({ rule }) => NEVER.has(rule)).map(change),
    changes: [...differences.filter(({ rule }) => rule !== 'file' && !NEVER.has(rule)).map(change), ...certificate.changes],
    steps: [
      ...codes(b).flatMap((code): ReloadStep[] => (codes(a).includes(code) ? [] : [{ kind: 'add-principal', code }])),
      ...(top.some(({ rule }) => rule === 'log') ? [{ kind: 'log', from: a.log, to: b.log } as const] : []),
      ...(a.control !== b.control && b.control !== undefined ? [{ kind: 'open-control', path: b.control } as const] : []),
      // The address of a face that goes is wanted by one that comes: no way around a moment without either.
      ...routes.turns.flatMap(({ to, from }): ReloadStep[] => (isEarlyWay(from) ? [{ kind: 'route', to, from, via: undefined }] : [])),
      ...faces.closed.flatMap((face): ReloadStep[] => (isEarly(faceKey(face)) ? [{ kind: 'close-face', face }] : [])),
      ...faces.opened.map((face): ReloadStep => ({ kind: 'open-face', face })),
      ...faces.updated.map(({ from, to }): ReloadStep => ({ kind: 'update-face', from, to })),
      ...turned.filter((step) => step.kind === 'route' && step.via !== undefined),
      ...turned.filter((step) => step.kind === 'route' && step.via === undefined && step.from !== undefined),
      ...[...settings].map((setting): ReloadStep => ({ kind: 'setting', setting, from: a, to: b })),
      ...certificate.steps,
      ...codes(a).flatMap((code): ReloadStep[] => (codes(b).includes(code) ? [] : [{ kind: 'remove-principal', code }])),
      ...faces.closed.flatMap((face): ReloadStep[] => (isEarly(faceKey(face)) ? [] : [{ kind: 'close-face', face }])),
      ...(a.control !== b.control && a.control !== undefined ? [{ kind: 'close-control', path: a.control } as const] : []),
    ],
  };
}

/** The step that undoes another one. */
export function inverse(step: ReloadStep): ReloadStep {
  switch (step.kind) {
    case 'open-control':
      return { ...step, kind: 'close-control' };
    case 'close-control':
      return { ...step, kind: 'open-control' };
    case 'add-principal':
      return { ...step, kind: 'remove-principal' };
    case 'remove-principal':
      return { ...step, kind: 'add-principal' };
    case 'open-face':
      return { ...step, kind: 'close-face' };
    case 'close-face':
      return { ...step, kind: 'open-face' };
    case 'route':
      return { ...step, from: step.via, via: step.from };
    case 'log':
      return { ...step, from: step.to, to: step.from };
    case 'update-face':
      return { ...step, from: step.to, to: step.from };
    case 'certificate':
      return { ...step, from: step.to, to: step.from };
    case 'setting':
      return { ...step, from: step.to, to: step.from };
  }
}

function isSetting(rule: ReloadRule | undefined): rule is SettingName {
  return ['beacon', 'cache', 'moves', 'nameserver', 'trust'].includes(rule ?? '');
}

function change({ path, from, to }: Change): Change {
  return { path, from, to };
}

/** Everything but the lists, which are compared entry by entry. */
function topDifferences(a: NodeConfig, b: NodeConfig): PartDifference[] {
  const { faces: _facesA, routes: _routesA, ...before } = a;
  const { faces: _facesB, routes: _routesB, ...after } = b;
  return configDifferences<ReloadRule>(before, after, reloadRules);
}

interface FaceComparison {
  readonly differences: readonly PartDifference[];
  readonly closed: readonly FaceEntry[];
  readonly opened: readonly FaceEntry[];
  readonly updated: readonly { readonly from: FaceEntry; readonly to: FaceEntry }[];
  /** Keys of those closed that have to go before others are opened. */
  readonly early: ReadonlySet<string>;
}

function compareFaces(a: NodeConfig, b: NodeConfig): FaceComparison {
  const before = new Map(a.faces.map((face) => [face.name, face]));
  const after = new Map(b.faces.map((face) => [face.name, face]));
  const removed = a.faces.filter(({ name }) => !after.has(name));
  const added = b.faces.filter(({ name }) => !before.has(name));
  const kept = b.faces.flatMap((to) => {
    const from = before.get(to.name);
    return from === undefined ? [] : [{ from, to, differences: partDifferences('faces', to.name, from, to) }];
  });
  const isReopened = ({ from, to }: { from: FaceEntry; to: FaceEntry }) => faceKey(from) !== faceKey(to);
  const closed = [...removed, ...kept.filter(isReopened).map(({ from }) => from)];
  const opened = [...added, ...kept.filter(isReopened).map(({ to }) => to)];
  return {
    differences: [
      ...added.map((to): PartDifference => ({ path: `faces.${to.name}`, from: undefined, to, rule: 'parts' })),
      ...removed.map((from): PartDifference => ({ path: `faces.${from.name}`, from, to: undefined, rule: 'parts' })),
      ...kept.flatMap(({ differences }) => differences),
    ],
    closed,
    opened,
    updated: kept.filter((pair) => pair.differences.length > 0 && !isReopened(pair)).map(({ from, to }) => ({ from, to })),
    early: new Set(closed.filter((face) => opened.some((other) => haveOneAddress(face, other))).map(faceKey)),
  };
}

/** Whether two faces cannot be open at the same time. */
function haveOneAddress(a: FaceEntry, b: FaceEntry): boolean {
  const [listenA, listenB] = [(a.udp ?? a.ethernet)?.listen, (b.udp ?? b.ethernet)?.listen];
  if (listenA === undefined || listenB === undefined) {
    const path = a.netdev?.path ?? a.unix?.listen;
    return path !== undefined && path === (b.netdev?.path ?? b.unix?.listen);
  }
  const [one, other] = [parseHostPort(listenA), parseHostPort(listenB)];
  const isAnywhere = [one, other].some(({ address }) => address === '0.0.0.0' || address === '::');
  return one.port !== 0 && one.port === other.port && (isAnywhere || one.address === other.address);
}

interface RouteTurn {
  readonly to: Xid;
  readonly from: RouteWay | undefined;
  readonly via: RouteWay | undefined;
}

interface RouteComparison {
  readonly differences: readonly PartDifference[];
  /** Routes that are set, turned or removed. */
  readonly turns: readonly RouteTurn[];
}

function compareRoutes(a: NodeConfig, b: NodeConfig): RouteComparison {
  // Of two routes to one destination the last one counts.
  const before = new Map(a.routes.map((route) => [route.to.key, route]));
  const after = new Map(b.routes.map((route) => [route.to.key, route]));
  const wayOf = (config: NodeConfig, route: NodeConfig['routes'][number] | undefined): RouteWay | undefined => {
    const face = config.faces.find(({ name }) => name === route?.via);
    return face === undefined ? undefined : { face: faceKey(face), nextHop: route?.nextHop };
  };
  const destinations = [...new Map([...before, ...after]).values()].map(({ to }) => to);
  const differences: PartDifference[] = [];
  const turns: RouteTurn[] = [];
  for (const to of destinations) {
    const [old, present] = [before.get(to.key), after.get(to.key)];
    const name = to.toString();
    if (old !== undefined && present !== undefined) differences.push(...partDifferences('routes', name, old, present));
    else differences.push({ path: `routes.${name}`, from: old?.via, to: present?.via, rule: 'parts' });
    const [from, via] = [wayOf(a, old), wayOf(b, present)];
    if (from?.face !== via?.face || from?.nextHop?.key !== via?.nextHop?.key) turns.push({ to, from, via });
  }
  return { differences, turns };
}

function compareCertificates({ certificate: from, config: a }: LoadedConfig, { certificate: to, config: b }: LoadedConfig) {
  const isOther = from !== to && from !== undefined && to !== undefined;
  const paths = { from: a.ad?.certificate, to: b.ad?.certificate };
  const changes: Change[] = isOther || paths.from !== paths.to ? [{ path: 'ad.certificate', ...paths }] : [];
  const steps: ReloadStep[] = isOther ? [{ kind: 'certificate', from, to }] : [];
  return { changes, steps };
}
