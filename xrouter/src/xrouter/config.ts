import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import {
  admissions,
  Dag,
  DEFAULT_EVICTION_POLICY,
  DEFAULT_HOLD_LIMITS,
  evictionPolicyNames,
  logLevels,
  MAX_LINK_COST,
  parseHostPort,
  parseYaml,
  PrincipalType,
  principals,
  readConfigText,
  Xid,
  XiaError,
  type ErrorCode,
} from 'xia-core';

/** Largest XIP packet that fits a UDP datagram over IPv4. */
const MAXIMUM_MTU = 65_507;
const MINIMUM_MTU = 576;
/** All machines together have no more. */
const MAXIMUM_HELD_BYTES = 16 * 1024 * 1024;
/** The header of a frame is in the datagram, too. */
const MAXIMUM_ETHERNET_MTU = MAXIMUM_MTU - 14;

function parsed<Output>(parse: (text: string) => Output) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, Output>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: (error as Error).message });
        return NEVER;
      }
    }),
  );
}

const adSchema = parsed((text) => {
  const xid = Xid.parse(text);
  if (xid.type === PrincipalType.AD) return xid;
  throw new XiaError('bad-xid' satisfies ErrorCode, `an AD is needed, this is ${text}`);
});

const endpointSchema = parsed((text) => {
  parseHostPort(text);
  return text;
});

const hidSchema = parsed((text) => {
  const xid = Xid.parse(text);
  if (xid.type === PrincipalType.HID) return xid;
  throw new XiaError('bad-xid' satisfies ErrorCode, `a HID is needed, this is ${text}`);
});

const macSchema = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i, 'the MAC address of one station is needed, such as 02:00:00:00:00:01'),
);

const milliseconds = (minimum: number, maximum: number) => v.pipe(v.number(), v.minValue(minimum), v.maxValue(maximum));

const socketPathSchema = v.pipe(v.string(), v.minLength(1));

const unixSchema = v.pipe(
  v.strictObject({ listen: v.optional(socketPathSchema), peers: v.optional(v.array(socketPathSchema), []) }),
  v.check(({ listen, peers }) => listen !== undefined || peers.length > 0, 'a UNIX face has a "listen", "peers", or both'),
  v.check(({ peers }) => new Set(peers).size === peers.length, 'one of the "peers" is there twice'),
  v.check(({ listen, peers }) => listen === undefined || !peers.includes(listen), 'a UNIX face is no peer of its own'),
);

const faceSchema = v.pipe(
  v.strictObject({
    name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9_-]{0,31}$/i, 'a face name is up to 32 letters, digits, - and _')),
    role: v.picklist(['access', 'uplink', 'peer']),
    cost: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_LINK_COST))),
    mtu: v.optional(v.pipe(v.number(), v.integer(), v.minValue(MINIMUM_MTU), v.maxValue(MAXIMUM_MTU))),
    udp: v.optional(
      v.strictObject({
        listen: endpointSchema,
        peers: v.optional(v.array(endpointSchema), []),
        offload: v.optional(v.picklist(['auto', 'off']), 'auto'),
      }),
    ),
    ethernet: v.optional(
      v.strictObject({
        listen: endpointSchema,
        peers: v.optional(v.array(endpointSchema), []),
        mac: v.optional(macSchema),
        neighbours: v.optional(v.array(v.strictObject({ xid: hidSchema, mac: macSchema })), []),
        xarp: v.optional(v.boolean(), true),
      }),
    ),
    netdev: v.optional(v.strictObject({ path: socketPathSchema })),
    unix: v.optional(unixSchema),
  }),
  v.check((face) => face.cost === undefined || face.role === 'peer', 'only a face with the role "peer" has a "cost"'),
  v.check(
    ({ udp, ethernet, netdev, unix }) => [udp, ethernet, netdev, unix].filter((kind) => kind !== undefined).length === 1,
    'a face has exactly one of "udp", "ethernet", "netdev" and "unix"',
  ),
  v.check(
    ({ ethernet, mtu = 0 }) => ethernet === undefined || mtu <= MAXIMUM_ETHERNET_MTU,
    `the mtu of an Ethernet face is at most ${MAXIMUM_ETHERNET_MTU}`,
  ),
);

/** The schema of a configuration file. */
export const configSchema = v.pipe(
  v.strictObject({
    name: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
    role: v.picklist(['router', 'host']),
    key: v.pipe(v.string(), v.minLength(1)),
    ad: v.optional(v.strictObject({ certificate: v.pipe(v.string(), v.minLength(1)) })),
    trust: v.optional(v.array(adSchema)),
    nameserver: v.optional(parsed((text) => Dag.parse(text))),
    principals: v.optional(
      v.record(
        v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9]{0,15}$/, 'a principal type is a short upper-case name')),
        v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xfffffffe)),
      ),
      {},
    ),
    faces: v.pipe(
      v.array(faceSchema),
      v.minLength(1, 'a node needs a face'),
      v.maxLength(64),
      v.check((faces) => new Set(faces.map((face) => face.name)).size === faces.length, 'two faces have one name'),
    ),
    routes: v.optional(
      v.array(v.strictObject({ to: parsed((text) => Xid.parse(text)), via: v.string(), nextHop: v.optional(hidSchema) })),
      [],
    ),
    cache: v.optional(
      v.strictObject({
        bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
        policy: v.optional(v.picklist(evictionPolicyNames), DEFAULT_EVICTION_POLICY),
        admit: v.optional(v.picklist(admissions), 'second-request'),
      }),
      { bytes: 0 },
    ),
    contentHash: v.optional(v.picklist(['sha256', 'sha1']), 'sha256'),
    routing: v.optional(
      v.pipe(
        v.strictObject({
          enabled: v.optional(v.boolean(), true),
          helloMs: v.optional(milliseconds(10, 30_000), 150),
          deadMs: v.optional(milliseconds(20, 60_000), 600),
        }),
        v.check(
          ({ helloMs, deadMs }) => deadMs >= 2 * helloMs,
          '"deadMs" is at least twice "helloMs", or every lost hello ends a neighbour',
        ),
      ),
      {},
    ),
    beacon: v.optional(
      v.strictObject({ intervalMs: v.optional(milliseconds(10, 60_000), 100), lifetimeMs: v.optional(milliseconds(50, 600_000), 1000) }),
      {},
    ),
    moves: v.optional(
      v.strictObject({
        limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 5),
        windowMs: v.optional(milliseconds(1000, 3_600_000), 180_000),
      }),
      {},
    ),
    holding: v.optional(
      v.strictObject({
        enabled: v.optional(v.boolean(), true),
        ageMs: v.optional(milliseconds(1, 5000), DEFAULT_HOLD_LIMITS.ageMs),
        bytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAXIMUM_HELD_BYTES)), DEFAULT_HOLD_LIMITS.bytes),
      }),
      {},
    ),
    control: v.optional(v.pipe(v.string(), v.minLength(1))),
    log: v.optional(v.strictObject({ level: v.optional(v.picklist(logLevels), 'info'), file: v.optional(v.string()) }), {}),
  }),
  v.forward(
    v.check((config) => (config.role === 'router') === (config.ad !== undefined), 'a router has an "ad", a host has none'),
    ['role'],
  ),
  v.forward(
    v.check(
      (config) => config.role === 'router' || config.faces.some((face) => face.role === 'uplink'),
      'a host needs a face with the role "uplink"',
    ),
    ['faces'],
  ),
  v.forward(
    v.check(
      (config) => config.routes.every((route) => config.faces.some((face) => face.name === route.via)),
      'a route goes via a face that is not configured',
    ),
    ['routes'],
  ),
  v.forward(
    v.check(
      ({ routes, faces }) => routes.every(({ via, nextHop }) => nextHop === undefined || hasNamedNeighbour(faces, via, nextHop)),
      'a "nextHop" is a neighbour on an Ethernet face, with XARP or in its "neighbours"',
    ),
    ['routes'],
  ),
  v.forward(
    v.check(
      (config) => config.routes.every(({ to }) => isRoutable(to.type, config.principals)),
      'a route leads to a principal type that is not in "principals"',
    ),
    ['routes'],
  ),
);

function hasNamedNeighbour(faces: readonly v.InferOutput<typeof faceSchema>[], via: string, nextHop: Xid): boolean {
  const ethernet = faces.find(({ name }) => name === via)?.ethernet;
  return ethernet !== undefined && (ethernet.xarp || ethernet.neighbours.some(({ xid }) => xid.equals(nextHop)));
}

function isRoutable(type: number, userTypes: Readonly<Record<string, number>>): boolean {
  return [...Object.values(PrincipalType), ...Object.values(userTypes)].includes(type);
}

/** The part that has to be read first: addresses further down may use the types that it adds. */
const userTypesSchema = v.looseObject({
  principals: v.optional(
    v.pipe(
      v.record(v.string(), v.unknown()),
      v.rawCheck(({ dataset, addIssue }) => {
        if (!dataset.typed) return;
        try {
          for (const [name, code] of Object.entries(dataset.value)) if (typeof code === 'number') principals.add(name, code);
        } catch (error) {
          addIssue({ message: (error as Error).message });
        }
      }),
    ),
    {},
  ),
});

/** A bad file leaves no names of types behind. */
async function parseConfig(text: string, file: string): Promise<NodeConfig> {
  const known = new Set(principals.names());
  try {
    await parseYaml(text, file, userTypesSchema);
    return await parseYaml(text, file, configSchema);
  } catch (error) {
    for (const name of principals.names()) if (!known.has(name)) principals.remove(name);
    throw error;
  }
}

/** The configuration of one daemon, defaults filled in and paths made absolute. */
export type NodeConfig = v.InferOutput<typeof configSchema>;

/**
 * Reads the configuration of a router or host. Paths in it are relative to the file's folder.
 * User principal types are added to `principals`, so that addresses can name them.
 * @throws XiaError `bad-config` with file, line, column and path
 */
export async function loadNodeConfig(file: string): Promise<NodeConfig> {
  const config = await parseConfig(await readConfigText(file), file);
  const absolute = (path: string) => resolve(dirname(resolve(file)), path);
  return {
    ...config,
    key: absolute(config.key),
    ...(config.ad === undefined ? {} : { ad: { certificate: absolute(config.ad.certificate) } }),
    ...(config.control === undefined ? {} : { control: absolute(config.control) }),
    faces: config.faces.map((face) => withPaths(face, absolute)),
    log: config.log.file === undefined ? config.log : { ...config.log, file: absolute(config.log.file) },
  };
}

function withPaths(face: NodeConfig['faces'][number], absolute: (path: string) => string): NodeConfig['faces'][number] {
  const { netdev, unix } = face;
  if (netdev !== undefined) return { ...face, netdev: { path: absolute(netdev.path) } };
  if (unix === undefined) return face;
  return { ...face, unix: { ...(unix.listen === undefined ? {} : { listen: absolute(unix.listen) }), peers: unix.peers.map(absolute) } };
}
