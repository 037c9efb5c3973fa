import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { release } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { Disposals } from '../common/disposals.js';
import { echoPoints, askResult, Client, Lab, pingResult, prepareGuest, VM_NAME, type PlacedVm, type PreparedGuest } from '../lab/index.js';
import { reportHtml, type Phase, type Report } from '../report/index.js';
import { readCounter } from '../xcal/read-counter.js';
import { loadTopology, projectRoot } from '../xtestbed/index.js';
import { demoChecks } from './checks.js';
import { MigrationBar, Steps } from './console.js';
import { movePhases, moveVm, type Move } from './move-vm.js';
import { OBSERVER, type Scenario } from './scenarios.js';
import { parseRoutes, staleAtHost, staleAtRouter } from './stale-entries.js';

export interface DemoOptions {
  readonly scenario: Scenario;
  readonly runDir: string;
  readonly workloadBytes: number;
  readonly dirtyBytesPerSecond: number;
  readonly downtimeLimitMs: number;
  /** How long after the move the address that the VM had before is tried. */
  readonly oldAddressAfterMs: number;
  readonly preallocate: boolean;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

const PING_INTERVAL_MS = 10;
const CLIENT_INTERVAL_MS = 100;
const CLIENT_START_MS = 20_000;
/** What the picture shows before the migration and after it. */
const BEFORE_MS = 1500;
const AFTER_MS = 3000;
/** A second of answers this fast: the guest is warm. */
const SETTLED_ECHOES = 100;
const SETTLED_RTT_MS = 100;
const SETTLE_TIMEOUT_MS = 15_000;
const MOVED_TIMEOUT_MS = 10_000;
const OLD_ADDRESS_ECHOES = 20;
const COUNTER_TIMEOUT_MS = 10_000;

/** The clients on the observing host that talk to the VM all through the migration. */
class Clients {
  readonly ping: Client;
  readonly ask: Client;
  readonly echo: Client;

  private constructor(ping: Client, ask: Client, echo: Client) {
    this.ping = ping;
    this.ask = ask;
    this.echo = echo;
  }

  static async start(lab: Lab, stack: Disposals, signal: AbortSignal): Promise<Clients> {
    const start = async (name: string, command: string, args: string[]) =>
      stack.use(await Client.start(lab.testbed, OBSERVER, name, command, args));
    const clients = new Clients(
      await start('xping', 'xping', ['--interval-ms', String(PING_INTERVAL_MS), VM_NAME]),
      await start('xcal-ask', 'xcal', ['ask', '--interval-ms', String(CLIENT_INTERVAL_MS), VM_NAME]),
      await start('xcal-echo', 'xcal', ['echo', '--interval-ms', String(CLIENT_INTERVAL_MS), VM_NAME]),
    );
    await Promise.all([
      clients.ping.waitFor('reply', { timeoutMs: CLIENT_START_MS, signal }),
      clients.ask.waitFor('answer', { timeoutMs: CLIENT_START_MS, signal }),
      clients.echo.waitFor('reply', { timeoutMs: CLIENT_START_MS, signal }),
    ]);
    return clients;
  }
}

/** The demo from an empty machine to the report. Whatever happens, nothing that it started is left behind. */
export async function runDemo(options: DemoOptions): Promise<Report> {
  const { scenario, runDir, signal } = options;
  const steps = new Steps(options.quiet);
  const startedAt = new Date().toISOString();
  await using stack = new Disposals();

  const guest = await prepareGuest(runDir, { signal });
  steps.note(`guest built: kernel ${guest.kernelRelease}, ${guest.accelerator.accelerator} (${guest.accelerator.reason})`);
  const topology = await loadTopology(scenario.topology);
  const lab = stack.use(await Lab.start({ topology, guest, ...options }));
  steps.note(`network ${topology.name} up: ${lab.testbed.state.nodes.map(({ name }) => name).join(', ')}`);
  const home = scenario.moves[0]?.from ?? '';
  let vm = await lab.boot(home);
  steps.note(`VM booted on ${home}, registered as ${VM_NAME}`);

  const observer = stack.use(await lab.attach(OBSERVER));
  const counterBefore = await readCounter(observer, VM_NAME, { timeoutMs: COUNTER_TIMEOUT_MS, signal });
  const clients = await Clients.start(lab, stack, signal);
  await clients.ping.waitUntilFast({ answers: SETTLED_ECHOES, rttMs: SETTLED_RTT_MS, timeoutMs: SETTLE_TIMEOUT_MS, signal });
  steps.note(`clients on ${OBSERVER}: xping every ${PING_INTERVAL_MS} ms, xcal on one stream, datagram echo`);
  await delay(BEFORE_MS, undefined, { signal });

  const moves: Move[] = [];
  const phases: Phase[] = [];
  const places: PlacedVm[] = [vm];
  for (const [index, { to }] of scenario.moves.entries()) {
    const destination = await lab.destination(to);
    places.push(destination);
    const bar = options.quiet ? undefined : new MigrationBar(`${vm.host} to ${to}`);
    const move = await moveVm({
      lab,
      vm,
      destination,
      downtimeLimitMs: options.downtimeLimitMs,
      signal,
      onProgress: (progress) => bar?.update(progress),
    }).finally(() => bar?.stop());
    moves.push(move);
    const zeroWallMs = moves[0]?.zeroWallMs ?? move.zeroWallMs;
    phases.push(...movePhases(move, index + 1, scenario.moves.length, zeroWallMs));
    if (move.result.outcome !== 'moved') break;
    steps.note(`VM runs on ${to}: ${(move.result.bytes / 1e6).toFixed(0)} MB in ${move.totalTimeMs.toFixed(0)} ms`);
    // The guest tells its console when its agent has bound it to the new place; QEMU has taken the console over.
    await destination.serial
      .waitFor('moved', { timeoutMs: MOVED_TIMEOUT_MS, signal })
      .then(() =>
        phases.push({
          name: `${scenario.moves.length > 1 ? `${index + 1}: ` : ''}bound to ${lab.adOf(to)}`,
          atMs: Date.now() - zeroWallMs,
        }),
      )
      .catch(() => signal.throwIfAborted());
    // The last pair is kept to be asked who runs.
    if (index + 1 < scenario.moves.length) {
      await lab.remove(vm);
      places.splice(places.indexOf(vm), 1);
      await delay(AFTER_MS, undefined, { signal });
    }
    vm = destination;
  }
  const arrivedAtMs = performance.now();
  await delay(AFTER_MS, undefined, { signal });
  const [pingLines, askLines, echoLines] = await Promise.all([clients.ping.stop(), clients.ask.stop(), clients.echo.stop()]);
  steps.note('clients stopped; waiting to try the old address');

  const last = moves.at(-1);
  const oldAddress = lab.vmDag(lab.adOf(last?.from ?? home));
  await delay(Math.max(0, options.oldAddressAfterMs - (performance.now() - arrivedAtMs)), undefined, { signal });
  const oldPing = stack.use(
    await Client.start(lab.testbed, OBSERVER, 'xping-old', 'xping', ['-c', String(OLD_ADDRESS_ECHOES), '--interval-ms', '50', oldAddress]),
  );
  await oldPing.ended();
  const old = pingResult(await oldPing.lines(), 'xping to the old address');

  const runsAt: string[] = [];
  for (const place of places)
    if (
      await place.runState().then(
        ({ running }) => running,
        () => false,
      )
    )
      runsAt.push(place.host);
  const expectedHost = scenario.moves.at(-1)?.to ?? home;
  const expectedAd = lab.adOf(expectedHost);
  const ask = askResult(askLines);
  const checks = demoChecks({
    expectedHost,
    expectedAd: { name: expectedAd, xid: lab.testbed.ad(expectedAd) },
    runsAt,
    counterBefore,
    counterAfter: await readCounter(observer, VM_NAME, { timeoutMs: COUNTER_TIMEOUT_MS, signal }).catch(() => undefined),
    ask,
    resolved: await observer.resolve(VM_NAME, { fresh: true, signal }).then(String, () => undefined),
    oldDag: { address: oldAddress, sent: old.sent, answered: old.received },
    left: await leftBehind(lab, last?.from ?? home, expectedHost),
    moves: moves.map(({ result }) => result),
  });

  const ping = pingResult(pingLines);
  const echo = pingResult(echoLines, 'the datagram echo client');
  const report: Report = {
    scenario: scenario.name,
    startedAt,
    bytes: moves[0]?.result.bytes ?? 0,
    chunks: moves[0]?.result.chunks ?? 0,
    totalTimeMs: Math.round((moves[0]?.totalTimeMs ?? 0) * 10) / 10,
    qemuDowntimeMs: moves[0]?.result.qemuDowntimeMs ?? 0,
    xping: {
      intervalMs: ping.intervalMs,
      sent: ping.sent,
      lost: ping.lost,
      downtimeMs: ping.downtimeMs,
      deviationMs: ping.deviationMs,
      ...(ping.rttMs === undefined ? {} : { maxRttMs: ping.rttMs.max }),
    },
    stream: { answers: ask.answers, wrong: ask.wrong, missing: ask.missing, reconnects: ask.reconnects, longestGapMs: ask.longestGapMs },
    dgram: { sent: echo.sent, answered: echo.received, downtimeMs: echo.downtimeMs },
    oldDag: { sent: old.sent, answered: old.received },
    phases: phases.toSorted((a, b) => a.atMs - b.atMs),
    peakRssMb: await peakMemory(lab, clients, moves),
    checks,
    versions: await versions(guest, vm),
    ...(moves.length > 1
      ? {
          moves: moves.map(({ from, to, result, totalTimeMs }) => ({
            from,
            to,
            bytes: result.bytes,
            totalTimeMs,
            qemuDowntimeMs: result.qemuDowntimeMs ?? 0,
          })),
        }
      : {}),
  };
  const chart = { echoes: echoPoints(pingLines, moves[0]?.zeroWallMs ?? Date.now()), phases: report.phases, intervalMs: ping.intervalMs };
  await writeFile(join(runDir, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(runDir, 'report.html'), reportHtml(report, chart));
  return report;
}

/** The host and the router that the VM has left, and what is stale there. */
async function leftBehind(lab: Lab, fromHost: string, atHost: string): Promise<{ node: string; stale: string | undefined }[]> {
  const { testbed } = lab;
  const vm = lab.vmHid.toString();
  const routes = async (node: string) => parseRoutes(await testbed.control(node, 'show', { what: 'routes' }));
  const router = testbed.state.nodes.find(({ kind, ad }) => kind === 'router' && ad === lab.adOf(fromHost))?.name ?? '';
  const now = { ad: testbed.ad(lab.adOf(atHost)), host: testbed.node(atHost).hid };
  return [
    { node: fromHost, stale: staleAtHost(await routes(fromHost), vm) },
    { node: router, stale: staleAtRouter(await routes(router), vm, { ad: testbed.ad(lab.adOf(fromHost)) }, now) },
  ];
}

async function peakMemory(lab: Lab, clients: Clients, moves: readonly Move[]): Promise<Record<string, number>> {
  const nodes = (await lab.testbed.status()).map(({ name, peakRssMb }) => [name, peakRssMb] as const);
  const programs = moves.flatMap(({ result, from, to }, index) => {
    const number = moves.length > 1 ? ` ${index + 1}` : '';
    return [
      [`xmigrate send${number} (${from})`, result.peakRssMb.source] as const,
      [`xmigrate recv${number} (${to})`, result.peakRssMb.destination] as const,
    ];
  });
  const watchers = [clients.ping, clients.ask, clients.echo].map(({ name, peakRssMb }) => [name, peakRssMb] as const);
  const all = [...nodes, ...programs, ...watchers, ['demo', Math.round(process.resourceUsage().maxRSS / 102.4) / 10] as const];
  return Object.fromEntries(all.flatMap(([name, mb]) => (mb === undefined ? [] : [[name, mb]])));
}

async function versions(guest: PreparedGuest, vm: PlacedVm): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
  const { major, minor, micro } = vm.qemu.qmp.version;
  return {
    project: version,
    node: process.version,
    qemu: `${major}.${minor}.${micro}`,
    accelerator: guest.accelerator.accelerator,
    guestKernel: guest.kernelRelease,
    hostKernel: release(),
  };
}
