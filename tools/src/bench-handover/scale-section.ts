import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { figure, type Section } from '../bench-forwarding/report.js';
import { Testbed, topologySchema } from '../xtestbed/index.js';
import { timeFigures, under } from './figures.js';
import { Flips } from './flips.js';
import { PacketWatch } from './packet-watch.js';
import { Swarm } from './swarm.js';

export interface ScaleOptions {
  readonly runDir: string;
  readonly machines: number;
  readonly moving: number;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

const PROCESSES = 4;
/** A node renews at a third of the 30 s that it is granted. */
const RENEWAL_MS = 10_000;
const RENEWED_WITHIN_MS = 2 * RENEWAL_MS;
const LOOK_AGAIN_MS = 100;
const SETTLE_MS = 2000;
const MOVE_MS = 1000;
const FLIP_MS = 1;
/** A thousand nodes share two cores here, and each checks each beacon. */
const BEACON = { intervalMs: 1000, lifetimeMs: 10_000 } as const;

/** A testbed has one. */
const HOST = 'HOST_A';

const topology = v.parse(topologySchema, {
  name: 'swarm',
  routers: { R1: { ad: 'AD1' }, R2: { ad: 'AD2' } },
  hosts: { [HOST]: { router: 'R1' } },
  links: [['R1', 'R2']],
  beacon: BEACON,
});

const statesSchema = v.array(v.object({ state: v.string() }));

async function bindingsAt(testbed: Testbed, router: string): Promise<Map<string, number>> {
  const states = new Map<string, number>();
  for (const { state } of v.parse(statesSchema, await testbed.control(router, 'show', { what: 'bindings' })))
    states.set(state, (states.get(state) ?? 0) + 1);
  return states;
}

/** Figures 6 and 7: a thousand machines at one router process, of which a hundred go to another one at once. */
export async function scaleSections({ runDir, machines, moving, signal, onNote }: ScaleOptions): Promise<Section[]> {
  await using testbed = await Testbed.up(topology, runDir, { signal });
  const [from, to] = [testbed.node('R1'), testbed.node('R2')];
  const [atFrom, atTo] = [new Flips(), new Flips()];
  const watch = async (control: string, flips: Flips) =>
    PacketWatch.begin(control, {
      filter: 'dgram',
      onPacket: (seen, { mobility }) => {
        if (mobility !== undefined) flips.see(seen, mobility);
        return false;
      },
    });
  await using swarm = await Swarm.start(PROCESSES);
  const attachedFrom = performance.now();
  await swarm.attach(machines, from.access ?? '');
  onNote(`  ${machines} machines attached in ${((performance.now() - attachedFrom) / 1000).toFixed(1)} s`);
  await using _from = await watch(from.control, atFrom);
  await using _to = await watch(to.control, atTo);
  // The router's host renews as well.
  const renewals = () => [...atFrom.bound.keys()].filter((id) => !testbed.node(HOST).hid.endsWith(id)).length;
  const deadline = performance.now() + RENEWED_WITHIN_MS;
  while (renewals() < machines && performance.now() < deadline) await delay(LOOK_AGAIN_MS, undefined, { signal });
  const renewed = renewals();
  const lost = machines - ((await swarm.state()).attached.get(from.hid) ?? 0);
  onNote(`  ${renewed} renewed their binding, ${lost} are not bound`);
  const tookMs = await swarm.move(moving, to.access ?? '');
  await delay(SETTLE_MS, undefined, { signal });
  const { attached, detached } = await swarm.state();
  const [statesFrom, statesTo] = [await bindingsAt(testbed, 'R1'), await bindingsAt(testbed, 'R2')];
  onNote(`  ${moving} moved; bound now: ${attached.get(from.hid) ?? 0} and ${attached.get(to.hid) ?? 0}`);
  const stayed = attached.get(from.hid) ?? 0;
  const arrived = attached.get(to.hid) ?? 0;
  const bindings = [...atFrom.took.binding, ...atTo.took.binding];
  const patches = atFrom.took.patch;
  const together = [...atFrom.waited.binding, ...atTo.waited.binding, ...atFrom.waited.patch];
  const exactly = (name: string, value: number, wanted: number) => ({ name, value, wanted: String(wanted), ok: value === wanted });
  return [
    {
      name: `route flip inside a router process with ${machines} machines`,
      figures: [
        ...timeFigures(`a binding (${bindings.length}): in, verified, entry turned, ack signed and out`, bindings),
        ...timeFigures(`a patch (${patches.length}): in, verified, entry turned, answer out`, patches),
        ...timeFigures('either, with the wait for those that came in together with it', together),
      ],
      reaches: [under('binding, ms', bindings, 'p50', FLIP_MS), under('patch, ms', patches, 'p50', FLIP_MS)],
      notes: ['from the moment that the process reads the packet; of the binding as well as of the ack a signature each'],
    },
    {
      name: `${machines} machines at one router process, ${moving} go to another at once`,
      figures: [
        figure('renewed within 20 s', renewed, `of ${machines}`),
        figure('bound at the first router afterwards', stayed, `of ${machines - moving}`),
        figure('bound at the second router afterwards', arrived, `of ${moving}`),
        figure('entries live at the first router', statesFrom.get('live') ?? 0, `(${statesFrom.get('draining') ?? 0} lead on)`),
        figure('entries live at the second router', statesTo.get('live') ?? 0, ''),
        figure('times that a machine that stayed was nowhere', detached, ''),
        ...timeFigures('a move, from the plug to the ack of the other router', tookMs),
        figure('the longest move', tookMs.includes(undefined) ? undefined : Math.max(...tookMs.map(Number)), 'ms'),
      ],
      reaches: [
        exactly('renewed', renewed, machines),
        exactly('bound afterwards', stayed + arrived, machines),
        exactly('moved', arrived, moving),
        exactly('bindings lost', detached, 0),
        under('a move, ms', tookMs, 'max', MOVE_MS),
      ],
      notes: [`the machines are nodes in ${PROCESSES} processes on the same cores; beacons come every ${BEACON.intervalMs} ms`],
    },
  ];
}
