import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { controlCall, XiaError } from 'xia-core';
import { startDaemon } from './daemon.js';
import { waitForRoutes } from './convergence.js';
import { generate } from './generate.js';
import { stopMachines } from './machines.js';
import { cpuSeconds, isRunning, peakRssMb, stopProcesses } from './processes.js';
import { projectRoot, resolveCommand } from './programs.js';
import { readState, STATE_FILE, writeState, type TestbedNode, type TestbedState } from './state-file.js';
import type { Topology } from './topology.js';

/** What `status` says of a node. */
export interface NodeStatus {
  readonly name: string;
  readonly kind: TestbedNode['kind'];
  readonly ad: string;
  readonly hid: string;
  readonly pid: number | undefined;
  readonly running: boolean;
  readonly access: string | undefined;
  readonly control: string;
  /** UNIX sockets for QEMU's `-netdev stream`, by the name of the attachment. */
  readonly vms: Readonly<Record<string, string>>;
  readonly peakRssMb: number | undefined;
  readonly cpuSeconds: number | undefined;
}

async function runningNodes(state: TestbedState): Promise<TestbedNode[]> {
  const running = await Promise.all(state.nodes.map(async (node) => node.process !== undefined && isRunning(node.process)));
  return state.nodes.filter((_, index) => running[index]);
}

/** A network of one process per node on this machine. Whoever holds one ends it with `down`, or by `await using`. */
export class Testbed {
  readonly runDir: string;
  #state: TestbedState;

  private constructor(runDir: string, state: TestbedState) {
    this.runDir = runDir;
    this.#state = state;
  }

  get state(): TestbedState {
    return this.#state;
  }

  /**
   * Generates keys and configuration in `runDir` and starts every daemon: emulated links, routers, then hosts, then the name server, each
   * kind when the one before is ready, the hosts when every router knows the way to every AD. Whatever goes wrong, or an abort, ends what was started.
   * @throws XiaError `already-running`, `testbed-failed`
   */
  static async up(
    topology: Topology,
    runDir: string,
    { signal, onNode, nodeOptions = [] }: { signal?: AbortSignal; onNode?: (name: string) => void; nodeOptions?: readonly string[] } = {},
  ): Promise<Testbed> {
    const folder = resolve(runDir);
    const earlier = await readState(folder).catch(() => undefined);
    if (earlier !== undefined) {
      if ((await runningNodes(earlier)).length > 0) {
        throw new XiaError('already-running', `${runDir}: a testbed runs from this folder; end it with "xtestbed down"`, { runDir });
      }
      await stopMachines(earlier.socketDir, join(folder, 'logs'));
      await rm(earlier.socketDir, { recursive: true, force: true });
    }
    for (const stale of ['keys', 'config', 'names', 'state', 'vm', STATE_FILE])
      await rm(join(folder, stale), { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    // The path of a UNIX socket has at most 107 bytes, so they cannot be in a run folder of any depth.
    const socketDir = await mkdtemp(join(tmpdir(), 'xtb-'));
    const testbed = new Testbed(folder, {
      version: 1,
      topology: topology.name,
      startedAt: new Date().toISOString(),
      socketDir,
      ads: {},
      nodes: [],
    });
    try {
      const plan = await generate(topology, folder, socketDir);
      testbed.#state = {
        ...testbed.#state,
        ads: { ...plan.ads },
        nameServer: plan.nameServer,
        nodes: plan.nodes.map(({ args, vms, ...node }) => ({
          ...node,
          ...(args === undefined ? {} : { args: [...args] }),
          vms: { ...vms },
        })),
      };
      for (const kind of ['link', 'router', 'host', 'nameserver'] as const) {
        const tier = testbed.#state.nodes.filter((node) => node.kind === kind);
        const outcomes = await Promise.allSettled(
          tier.map(async (node) => {
            await startDaemon(node as Parameters<typeof startDaemon>[0], {
              signal,
              nodeOptions,
              onStarted: (process) => {
                node.process = { ...process };
              },
            });
            onNode?.(node.name);
          }),
        );
        await writeState(folder, testbed.#state);
        const failed = outcomes.find((outcome) => outcome.status === 'rejected');
        if (failed !== undefined) throw failed.reason;
        if (kind === 'router') {
          await waitForRoutes(topology, testbed.#state.ads, async (name) => testbed.control(name, 'show', { what: 'routes' }), signal);
        }
      }
      return testbed;
    } catch (error) {
      await testbed.down();
      throw error;
    }
  }

  /** The testbed that runs from a folder. @throws XiaError `bad-config` */
  static async open(runDir: string): Promise<Testbed> {
    const folder = resolve(runDir);
    return new Testbed(folder, await readState(folder));
  }

  /** @throws XiaError `usage` */
  node(name: string): TestbedNode {
    const node = this.#state.nodes.find((candidate) => candidate.name === name);
    if (node !== undefined) return node;
    throw new XiaError(
      'usage',
      `no node ${name} in ${this.#state.topology}; there are ${this.#state.nodes.map((known) => known.name).join(', ')}`,
    );
  }

  /** The XID of an AD by its name in the topology. @throws XiaError `usage` */
  ad(name: string): string {
    const ad = this.#state.ads[name];
    if (ad !== undefined) return ad;
    throw new XiaError('usage', `no AD ${name} in ${this.#state.topology}; there are ${Object.keys(this.#state.ads).join(', ')}`);
  }

  /** Where a virtual machine plugs its network card in at a host. @throws XiaError `usage` */
  vmSocket(name: string): string {
    const [path] = Object.values(this.node(name).vms);
    if (path !== undefined) return path;
    throw new XiaError('usage', `${name} has no place for a virtual machine`, { name });
  }

  /** Where a host keeps which VMs are its own. */
  stateDirectory(host: string): string {
    return join(this.runDir, 'state', host);
  }

  /** The environment in which our programs attach to a host (or router) and believe the testbed's ADs only. */
  environment(name: string): Record<string, string> {
    const { access } = this.node(name);
    if (access === undefined) throw new XiaError('usage', `${name} has no access face; programs attach to a host or router`);
    return {
      XIA_HOST: access,
      XIA_TRUST: Object.values(this.#state.ads).join(','),
      XMIGRATE_STATE: this.stateDirectory(name),
      XTESTBED_DIR: this.runDir,
      PATH: `${join(projectRoot, 'node_modules', '.bin')}${delimiter}${process.env['PATH'] ?? ''}`,
    };
  }

  /** Starts a command that attaches to `name`; a name of one of our programs is enough as the command. */
  exec(name: string, command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const { file, args: fileArgs } = resolveCommand(command, args);
    return spawn(file, fileArgs, { stdio: 'inherit', ...options, env: { ...process.env, ...this.environment(name), ...options.env } });
  }

  /** Asks a daemon over its control socket. */
  async control(name: string, method: string, params: Record<string, unknown> = {}): Promise<unknown> {
    return controlCall(this.node(name).control, method, params);
  }

  async status(): Promise<NodeStatus[]> {
    return Promise.all(
      this.#state.nodes.map(async ({ name, kind, ad, hid, access, control, vms, process: record }) => {
        const running = record !== undefined && (await isRunning(record));
        const pid = running ? record.pid : undefined;
        return {
          name,
          kind,
          ad,
          hid,
          pid,
          running,
          access,
          control,
          vms,
          peakRssMb: pid === undefined ? undefined : await peakRssMb(pid),
          cpuSeconds: pid === undefined ? undefined : await cpuSeconds(pid),
        };
      }),
    );
  }

  /** Starts a node again whose process has gone; returns when it is ready. @throws XiaError `usage`, `already-running`, `testbed-failed` */
  async restart(name: string): Promise<void> {
    const node = this.node(name);
    if (node.process !== undefined && (await isRunning(node.process))) throw new XiaError('already-running', `${name} runs`, { name });
    await startDaemon(node as Parameters<typeof startDaemon>[0], {
      onStarted: (process) => {
        node.process = { ...process };
      },
    });
    await writeState(this.runDir, this.#state);
  }

  /**
   * Ends what was started (if it is still that), virtual machines before their hosts, hosts before routers, and removes sockets
   * and state.
   */
  async down(): Promise<void> {
    await stopMachines(this.#state.socketDir, join(this.runDir, 'logs'));
    for (const kind of ['nameserver', 'host', 'router', 'link'] as const) {
      const records = this.#state.nodes.flatMap((node) => (node.kind === kind && node.process !== undefined ? [node.process] : []));
      await stopProcesses(records);
    }
    await rm(this.#state.socketDir, { recursive: true, force: true });
    await rm(join(this.runDir, 'vm'), { recursive: true, force: true });
    await rm(join(this.runDir, STATE_FILE), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}
