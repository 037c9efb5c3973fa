import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { changedLink, PLAIN_LINK } from '../emulated-link/index.js';
import { admissions, DEFAULT_EVICTION_POLICY, evictionPolicyNames, loadYaml, MAX_LINK_COST, XiaError } from 'xia-core';
import { underlays, type Underlay } from './underlay.js';

const nameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9_-]{0,23}$/, 'a name is a letter and up to 23 letters, digits, - and _'));
const mtuSchema = v.optional(v.pipe(v.number(), v.integer(), v.minValue(576), v.maxValue(65_507)), 65_507);
const costSchema = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_LINK_COST)), 10);
/** A link that is worse than the machine's own, as `xlink` has them: a preset, properties, or both. */
const emulatedSchema = v.optional(
  v.pipe(
    v.string(),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      try {
        changedLink(PLAIN_LINK, dataset.value);
      } catch (error) {
        addIssue({ message: (error as Error).message });
      }
    }),
  ),
);
const nodesSchema = <const Schema extends v.GenericSchema>(schema: Schema, what: string) =>
  v.pipe(
    v.record(nameSchema, schema),
    v.check((nodes) => Object.keys(nodes).length > 0, `at least one ${what} is needed`),
    v.check((nodes) => Object.keys(nodes).length <= 64, `no more than 64 ${what}s`),
  );

const routerSchema = v.strictObject({
  /** The administrative domain; it may have several routers. */
  ad: nameSchema,
  /** Byte budget of the on-path chunk cache, 0 for none. */
  cacheMegabytes: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(65_536)), 0),
  cachePolicy: v.optional(v.picklist(evictionPolicyNames), DEFAULT_EVICTION_POLICY),
  cacheAdmit: v.optional(v.picklist(admissions), 'always'),
});

const hostSchema = v.strictObject({
  router: nameSchema,
  /** Places where a QEMU can plug in its network card. */
  vms: v.optional(v.array(nameSchema), []),
  mtu: mtuSchema,
});

const shapeSchema = v.strictObject({
  name: nameSchema,
  routers: nodesSchema(routerSchema, 'router'),
  hosts: nodesSchema(hostSchema, 'host'),
  links: v.optional(
    v.array(
      v.union([
        v.tuple([nameSchema, nameSchema]),
        v.strictObject({ between: v.tuple([nameSchema, nameSchema]), mtu: mtuSchema, cost: costSchema, emulated: emulatedSchema }),
      ]),
    ),
    [],
  ),
  /** What carries packets between the nodes, all of which are on one machine; emulated links are UDP in any case. */
  underlay: v.optional(v.picklist(underlays), 'udp'),
  /** How routers find the ways: by themselves, or by static routes that are written into their configuration. */
  routing: v.optional(v.picklist(['link-state', 'static']), 'link-state'),
  nameserver: v.optional(v.strictObject({ host: nameSchema })),
  beacon: v.optional(
    v.strictObject({
      intervalMs: v.optional(v.pipe(v.number(), v.minValue(10)), 100),
      lifetimeMs: v.optional(v.pipe(v.number(), v.minValue(50)), 1000),
    }),
    {},
  ),
  /** More moves of one HID than this within the window freeze its routes; ping-pong topologies raise it. */
  moves: v.optional(
    v.strictObject({
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 5),
      windowMs: v.optional(v.pipe(v.number(), v.minValue(1000)), 180_000),
    }),
    {},
  ),
  log: v.optional(v.picklist(['trace', 'debug', 'info', 'warn', 'error']), 'info'),
});

type Shape = v.InferOutput<typeof shapeSchema>;

function linkEnds(link: Shape['links'][number]): readonly [string, string] {
  return 'between' in link ? link.between : link;
}

/** What no single field shows: names that must exist, and names that must be different. */
function faultOf(shape: Shape): { path: (string | number)[]; reason: string } | undefined {
  const routers = Object.keys(shape.routers);
  const ads = new Map<string, string>();
  for (const [name, { ad }] of Object.entries(shape.routers)) {
    const other = ads.get(ad);
    if (other !== undefined && shape.routing === 'static') {
      return { path: ['routers', name, 'ad'], reason: `${ad} has the router ${other} already; with static routing an AD has one` };
    }
    ads.set(ad, name);
  }
  for (const [name, host] of Object.entries(shape.hosts)) {
    if (routers.includes(name)) return { path: ['hosts', name], reason: 'a router has this name' };
    if (!routers.includes(host.router)) return { path: ['hosts', name, 'router'], reason: `there is no router ${host.router}` };
  }
  for (const [index, link] of shape.links.entries()) {
    const [a, b] = linkEnds(link);
    const missing = [a, b].find((end) => !routers.includes(end));
    if (missing !== undefined) return { path: ['links', index], reason: `there is no router ${missing}` };
    if (a === b) return { path: ['links', index], reason: 'a link has two different ends' };
    const again = shape.links.slice(0, index).some((earlier) => linkEnds(earlier).includes(a) && linkEnds(earlier).includes(b));
    if (again) return { path: ['links', index], reason: `${a} and ${b} are linked already` };
  }
  if (shape.nameserver !== undefined && shape.hosts[shape.nameserver.host] === undefined) {
    return { path: ['nameserver', 'host'], reason: `there is no host ${shape.nameserver.host}` };
  }
  return undefined;
}

/** A network to be run on one machine: routers with their AD, hosts with their router, links, the name server's place. */
export const topologySchema = v.pipe(
  shapeSchema,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const fault = faultOf(dataset.value);
    if (fault === undefined) return;
    let input: unknown = dataset.value;
    const path = fault.path.map((key) => {
      const item = {
        type: 'unknown' as const,
        origin: 'value' as const,
        input,
        key,
        value: (input as Record<string | number, unknown>)[key],
      };
      input = item.value;
      return item;
    });
    addIssue({ message: fault.reason, path: path as unknown as [v.IssuePathItem, ...v.IssuePathItem[]] });
  }),
  v.transform((shape) => ({
    ...shape,
    links: shape.links.map((link) => {
      const [a, b] = linkEnds(link);
      const { mtu, cost, emulated } = 'between' in link ? link : { mtu: 65_507, cost: 10, emulated: undefined };
      return { a, b, mtu, cost, emulated };
    }),
  })),
);

export type Topology = v.InferOutput<typeof topologySchema>;

/** The same topology with its links emulated, but for those that are already. @throws XiaError `usage` */
export function withLinks(topology: Topology, text: string): Topology {
  changedLink(PLAIN_LINK, text);
  return { ...topology, links: topology.links.map((link) => ({ ...link, emulated: link.emulated ?? text })) };
}

/** The same topology on another underlay. */
export function withUnderlay(topology: Topology, underlay: Underlay): Topology {
  return { ...topology, underlay };
}

/** Topologies that come with the program. */
export const builtInTopologies = ['inter-ad', 'intra-ad', 'ring'] as const;

/**
 * Reads a topology: a file, or the name of a built-in one.
 * @throws XiaError `bad-config`
 */
export async function loadTopology(nameOrFile: string): Promise<Topology> {
  const builtIn = (builtInTopologies as readonly string[]).includes(nameOrFile);
  const file = builtIn ? fileURLToPath(new URL(`../../topologies/${nameOrFile}.yaml`, import.meta.url)) : nameOrFile;
  if (!builtIn && !nameOrFile.includes('.') && !nameOrFile.includes('/')) {
    await access(file).catch(() => {
      throw new XiaError('bad-config', `no topology "${nameOrFile}"; built in are ${builtInTopologies.join(', ')}, or give a YAML file`);
    });
  }
  return loadYaml(file, topologySchema);
}

/** For each router, the neighbouring router that is next on a way of the fewest hops to each other AD. */
export function adRoutes(topology: Topology): Map<string, Map<string, string>> {
  const neighbours = new Map<string, string[]>(Object.keys(topology.routers).map((name) => [name, []]));
  for (const { a, b } of topology.links) {
    neighbours.get(a)?.push(b);
    neighbours.get(b)?.push(a);
  }
  const routes = new Map<string, Map<string, string>>();
  for (const start of neighbours.keys()) {
    const firstHop = new Map<string, string>();
    const queue = (neighbours.get(start) ?? []).map((next) => ({ at: next, via: next }));
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      const { at, via } = step;
      if (at === start || firstHop.has(at)) continue;
      firstHop.set(at, via);
      for (const next of neighbours.get(at) ?? []) queue.push({ at: next, via });
    }
    const ways = new Map<string, string>();
    for (const [router, via] of firstHop) {
      const { ad } = topology.routers[router]!;
      // The nearest router of an AD was reached first.
      if (ad !== topology.routers[start]!.ad && !ways.has(ad)) ways.set(ad, via);
    }
    routes.set(start, ways);
  }
  return routes;
}
