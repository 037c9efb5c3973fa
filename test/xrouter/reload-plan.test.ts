import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dag, PrincipalType, Xid } from 'xia-core';
import { configSchema, type NodeConfig } from '../../xrouter/src/xrouter/config.js';
import { applySteps } from '../../xrouter/src/xrouter/reload-apply.js';
import { inverse, reloadPlan, type FaceEntry, type LoadedConfig } from '../../xrouter/src/xrouter/reload-plan.js';
import { changeText, faceKey, reloadRules } from '../../xrouter/src/xrouter/reload-rules.js';
import { codeSpans, firstCells } from '../repository/markdown.js';
import { clash, ModelNode } from './model-node.js';

const ads = ['2', '3', '4', '5'].map((digit) => Xid.of(PrincipalType.AD, digit.repeat(40)));
const nameServer = Dag.parse(`RE AD:${'1'.repeat(40)} HID:${'1'.repeat(40)} SID:${'1'.repeat(40)}`);

const face = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    role: fc.constantFrom('access' as const, 'peer' as const),
    mtu: fc.constantFrom(undefined, 1472, 9000),
    ip: fc.constantFrom('127.0.0.1', '127.0.0.2', '0.0.0.0'),
    port: fc.integer({ min: 1, max: 4 }),
    peers: fc.uniqueArray(fc.constantFrom('127.0.0.1:91', '127.0.0.1:92', '127.0.0.1:93')),
    kind: fc.constantFrom('udp' as const, 'netdev' as const, 'unix' as const),
    listens: fc.boolean(),
  })
  .map(({ ip, port, peers, kind, listens, ...rest }): FaceEntry => {
    // Sockets of QEMUs and of nodes may want one path.
    const path = `/sock${port}`;
    if (kind === 'netdev') return { ...rest, netdev: { path } };
    if (kind === 'udp') return { ...rest, udp: { listen: `${ip}:${port}`, peers, offload: 'auto' as const } };
    const paths = peers.map((peer) => `/${peer}`);
    return { ...rest, unix: listens ? { listen: path, peers: paths } : { peers: [`/peer${port}`, ...paths] } };
  });

/** Faces that can all be open at once. */
const faces = fc
  .uniqueArray(face, { selector: ({ name }) => name, minLength: 1 })
  .map((all) => all.filter((one, index) => all.slice(0, index).every((other) => !clash(one, other))));

const config = faces.chain((list) =>
  fc.record({
    name: fc.constant('R'),
    role: fc.constant('router' as const),
    key: fc.constant('/R.key'),
    ad: fc.constantFrom({ certificate: '/R.cert' }, { certificate: '/R2.cert' }),
    trust: fc.constantFrom(undefined, ads.slice(0, 1), ads),
    nameserver: fc.constantFrom(undefined, nameServer),
    principals: fc.dictionary(fc.constantFrom('FOO', 'BAR'), fc.constantFrom(0x91, 0x92)),
    faces: fc.constant(list),
    routes: fc.array(fc.record({ to: fc.constantFrom(...ads), via: fc.constantFrom(...list.map(({ name }) => name)) })),
    cache: fc.record({ bytes: fc.constantFrom(0, 1000), policy: fc.constantFrom('fifo' as const, 'lru' as const) }),
    beacon: fc.record({ intervalMs: fc.constantFrom(50, 100), lifetimeMs: fc.constant(1000) }),
    holding: fc.record({ enabled: fc.boolean(), ageMs: fc.constant(2000), bytes: fc.constantFrom(1000, 2000) }),
    moves: fc.record({ limit: fc.constantFrom(5, 6), windowMs: fc.constant(180_000) }),
    control: fc.constantFrom(undefined, '/R.ctl', '/other.ctl'),
    log: fc.record({ level: fc.constantFrom('info' as const, 'debug' as const), file: fc.constantFrom(undefined, '/R.log') }),
  }),
) as fc.Arbitrary<NodeConfig>;

const loaded: fc.Arbitrary<LoadedConfig> = fc.record({ config, certificate: fc.constantFrom('Y2VydA==', 'bmV3ZXI=') });

describe('a plan', () => {
  it('makes of a node by one configuration a node by the other', async () => {
    await fc.assert(
      fc.asyncProperty(loaded, loaded, async (a, b) => {
        const node = new ModelNode(a);
        const { steps, refused } = reloadPlan(a, b);
        expect(refused).toEqual([]);
        await applySteps(steps, node);
        expect(node.state).toEqual(new ModelNode(b).state);
      }),
    );
  });

  it('is empty for one and the same configuration', () => {
    fc.assert(
      fc.property(loaded, (a) => {
        expect(reloadPlan(a, structuredCopy(a))).toEqual({ refused: [], changes: [], steps: [] });
      }),
    );
  });

  it('does nothing that it does not tell', () => {
    fc.assert(
      fc.property(loaded, loaded, (a, b) => {
        const { steps, changes } = reloadPlan(a, b);
        if (changes.length === 0) expect(steps).toEqual([]);
      }),
    );
  });

  it('leaves everything as it was when one step fails', async () => {
    await fc.assert(
      fc.asyncProperty(loaded, loaded, fc.nat(), async (a, b, seed) => {
        const node = new ModelNode(a);
        const { steps } = reloadPlan(a, b);
        fc.pre(steps.length > 0);
        const failing = seed % steps.length;
        let operations = 0;
        node.before = () => {
          if (operations++ === failing) throw new Error('no luck');
        };
        await expect(applySteps(steps, node)).rejects.toThrow('no luck (everything is as it was)');
        expect(node.state).toEqual(new ModelNode(a).state);
      }),
    );
  });

  it('never leaves a destination without a route that has one before and after', async () => {
    await fc.assert(
      fc.asyncProperty(loaded, loaded, async (a, b) => {
        const node = new ModelNode(a);
        const after = new ModelNode(b);
        const isKept = (key: string) => after.faces.has(key);
        const opened = [...after.faces.values()].filter((one) => !node.faces.has(faceKey(one)));
        // Not when the address of its face is needed for another one.
        const steady = [...node.routes].filter(([to, via]) => {
          const old = node.faces.get(via)!;
          return after.routes.has(to) && (isKept(via) || opened.every((one) => !clash(one, old)));
        });
        node.after = () => {
          for (const [to] of steady) expect(node.faces.has(node.routes.get(to) ?? '')).toBe(true);
        };
        await applySteps(reloadPlan(a, b).steps, node);
      }),
    );
  });

  it('has steps that undo each other', () => {
    fc.assert(
      fc.property(loaded, loaded, (a, b) => {
        for (const step of reloadPlan(a, b).steps) expect(inverse(inverse(step))).toEqual(step);
      }),
    );
  });
});

describe('a plan of one router', () => {
  const [peer, access]: FaceEntry[] = [
    { name: 'r2', role: 'peer', mtu: 1472, udp: { listen: '127.0.0.1:1', peers: ['127.0.0.1:91'], offload: 'auto' as const } },
    { name: 'apps', role: 'access', udp: { listen: '127.0.0.1:2', peers: [], offload: 'auto' as const } },
  ];
  const base: NodeConfig = {
    name: 'R',
    role: 'router',
    key: '/R.key',
    ad: { certificate: '/R.cert' },
    principals: {},
    faces: [peer!, access!],
    routes: [{ to: ads[0]!, via: 'r2' }],
    contentHash: 'sha256',
    routing: { enabled: true, helloMs: 150, deadMs: 600 },
    cache: { bytes: 0, policy: 'fifo', admit: 'always' },
    beacon: { intervalMs: 100, lifetimeMs: 1000 },
    holding: { enabled: true, ageMs: 2000, bytes: 1_048_576 },
    moves: { limit: 5, windowMs: 180_000 },
    log: { level: 'info' },
  };
  const planTo = (changes: object) => reloadPlan(loadedOf(base), loadedOf({ ...base, ...changes }));
  const told = (changes: object) => planTo(changes).changes.map(changeText);
  const kinds = (changes: object) => planTo(changes).steps.map(({ kind }) => kind);

  it('changes mtu, role and peers of a face where it is', () => {
    const changed = { ...peer!, mtu: 9000, role: 'access', udp: { ...peer!.udp, peers: ['127.0.0.1:92'] } };
    expect(kinds({ faces: [changed, access] })).toEqual(['update-face']);
    expect(told({ faces: [changed, access] })).toEqual([
      'faces.r2.mtu: 1472 -> 9000',
      'faces.r2.role: peer -> access',
      'faces.r2.udp.peers: ["127.0.0.1:91"] -> ["127.0.0.1:92"]',
    ]);
  });

  it('opens another face for another address, and turns the routes before the old one goes', () => {
    const moved = { ...peer!, udp: { ...peer!.udp, listen: '127.0.0.1:3' } };
    expect(kinds({ faces: [moved, access] })).toEqual(['open-face', 'route', 'close-face']);
    expect(told({ faces: [moved, access] })).toEqual(['faces.r2.udp.listen: 127.0.0.1:1 -> 127.0.0.1:3']);
  });

  it('gives an address up first that another face is to have', () => {
    const renamed = { ...peer!, name: 'other' };
    const routes = [{ to: ads[0]!, via: 'other' }];
    expect(kinds({ faces: [renamed, access], routes })).toEqual(['route', 'close-face', 'open-face', 'route']);
  });

  it('turns a route to another neighbour on the same face', () => {
    const nextHop = Xid.of(PrincipalType.HID, '7'.repeat(40));
    const changes = { routes: [{ to: ads[0]!, via: 'r2', nextHop }] };
    expect(told(changes)).toEqual([`routes.${ads[0]!.toString()}.nextHop: added ${nextHop.toString()}`]);
    expect(kinds(changes)).toEqual(['route']);
  });

  it('turns, adds and removes routes', () => {
    expect(told({ routes: [{ to: ads[0]!, via: 'apps' }] })).toEqual([`routes.${ads[0]!.toString()}.via: r2 -> apps`]);
    expect(told({ routes: [{ to: ads[1]!, via: 'r2' }] })).toEqual([
      `routes.${ads[0]!.toString()}: removed r2`,
      `routes.${ads[1]!.toString()}: added r2`,
    ]);
  });

  it.each([
    ['name', { name: 'S' }],
    ['key', { key: '/other.key' }],
    ['role', { role: 'host' }],
    ['colour', { colour: 'red' }],
    ['faces.r2.colour', { faces: [{ ...peer!, colour: 'red' }, access] }],
    ['routes.' + ads[0]!.toString() + '.metric', { routes: [{ to: ads[0]!, via: 'r2', metric: 3 }] }],
    ['cache.colour', { cache: { ...base.cache, colour: 'red' } }],
  ])('refuses another %s', (path, changes) => {
    expect(planTo(changes).refused.map((change) => change.path)).toEqual([path]);
  });

  it('tells of a certificate that was renewed in its place', () => {
    const plan = reloadPlan(loadedOf(base), { config: base, certificate: 'bmV3ZXI=' });
    expect(plan.steps).toEqual([{ kind: 'certificate', from: 'Y2VydA==', to: 'bmV3ZXI=' }]);
    expect(plan.changes.map(({ path }) => path)).toEqual(['ad.certificate']);
  });
});

describe('the rules', () => {
  it('say of every key of a configuration how it is taken over', () => {
    const keys = [...keysOf(configSchema, '')].filter((path) => reloadRules[path] === undefined);
    expect(keys).toEqual([]);
  });

  it('are in the documentation', async () => {
    const page = await readFile(new URL('../../docs/tools.md', import.meta.url), 'utf8');
    const text = page.split(/^## /m).find((section) => section.startsWith('xrouter: changes')) ?? '';
    const told = firstCells(text).flatMap((cell) => codeSpans(cell));
    const keys = new Set(Object.keys(reloadRules).map((path) => path.split(/[.[]/)[0]!));
    expect(new Set(told)).toEqual(keys);
  });

  it('are about keys that there are', () => {
    expect([...keysOf(configSchema, '')].toSorted()).toEqual(Object.keys(reloadRules).toSorted());
  });
});

interface AnySchema {
  readonly type: string;
  readonly entries?: Readonly<Record<string, AnySchema>>;
  readonly item?: AnySchema;
  readonly wrapped?: AnySchema;
}

/** The paths of a schema's keys, down to those that have no keys of their own or a rule. */
function* keysOf(schema: unknown, path: string): Iterable<string> {
  const { type, entries, item, wrapped } = schema as AnySchema;
  if (reloadRules[path] !== undefined) yield path;
  else if (wrapped !== undefined) yield* keysOf(wrapped, path);
  else if (entries !== undefined)
    for (const [key, value] of Object.entries(entries)) yield* keysOf(value, path === '' ? key : `${path}.${key}`);
  else if (type === 'array' && item?.entries !== undefined) yield* keysOf(item, `${path}[]`);
  else yield path;
}

function loadedOf(of: NodeConfig): LoadedConfig {
  return { config: of, certificate: 'Y2VydA==' };
}

/** The same in other objects, with keys in another order. */
function structuredCopy({ config: of, certificate }: LoadedConfig): LoadedConfig {
  const copy = Object.fromEntries(Object.entries(of).toReversed()) as unknown as NodeConfig;
  return {
    config: { ...copy, faces: of.faces.map((one) => Object.fromEntries(Object.entries(one).toReversed()) as FaceEntry) },
    certificate,
  };
}
