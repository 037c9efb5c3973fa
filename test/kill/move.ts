import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execUri, OwnershipFile } from 'xmigrate';
import { killProgram, processesNaming, type KillBed } from './bed.js';
import { EventFiles } from './event-files.js';
import { Machine } from './machine.js';
import type { KillCase, Moment, Victim, Way } from './matrix.js';
import { XMIGRATE, xmigrate, type Program } from './programs.js';

const LOOK_AGAIN_MS = 1;
const REACH_TIMEOUT_MS = 120_000;
const END_TIMEOUT_MS = 180_000;
/** Of the stream: a pass takes half a second, and the guest keeps 60 ms of it to be carried again. */
const BANDWIDTH = '4M';
/** No pass is short enough for it, so that the passes go on until somebody raises it. */
const NEVER_MS = '1';
const NOW_MS = 2_000;
const FIRST_PASS_BYTES = 300_000;
const MIDDLE_PASS = 3;

let number = 0;

/** One move of the counting guest, from its start until both sides are quiet again. */
export class KillMove implements AsyncDisposable {
  readonly folder: string;
  /** `xmigrate run`; undefined where the move is made by hand. */
  readonly run: Program | undefined;
  readonly machines: { readonly a: Machine; readonly b: Machine };
  readonly #bed: KillBed;
  readonly #events: EventFiles;
  #hasStopped = false;

  private constructor(bed: KillBed, way: Way, folder: string, a: Machine, b: Machine) {
    this.#bed = bed;
    this.folder = folder;
    this.machines = { a, b };
    this.#events = new EventFiles(join(folder, 'events'));
    a.monitor.on('event', ({ event }) => (this.#hasStopped ||= event === 'STOP'));
    if (way === 'hand') return;
    const options = {
      vm: 'vm1',
      'source-qmp': a.qmp,
      'destination-qmp': b.qmp,
      'source-host': bed.access('HOST_A'),
      'destination-host': bed.access('HOST_B'),
      'source-state': this.state('a'),
      'destination-state': this.state('b'),
      'events-dir': join(folder, 'events'),
      bandwidth: BANDWIDTH,
      'downtime-limit': NEVER_MS,
    };
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    this.run = xmigrate(this.environment, ['run', ...words, '--no-adapt']);
  }

  static async start(bed: KillBed, way: Way): Promise<KillMove> {
    bed.goesOn();
    const folder = join(bed.folder, `m${++number}`);
    for (const name of ['events', 't']) mkdirSync(join(folder, name), { recursive: true });
    const environment = environmentOf(bed, folder);
    const start = (name: 'a' | 'b') => Machine.start(folder, name, way === 'disks', environment);
    const [a, b] = await Promise.all([start('a'), start('b')]);
    const move = new KillMove(bed, way, folder, a, b);
    if (way === 'hand') await move.#byHand();
    return move;
  }

  /** What an operator types into the two monitors. */
  async #byHand(): Promise<void> {
    const { a, b } = this.machines;
    const program = (command: 'send' | 'recv', host: 'HOST_A' | 'HOST_B', ...words: string[]) => {
      const [state, events] = [this.state(command === 'send' ? 'a' : 'b'), join(this.folder, 'events', `vm1.${command}.1.jsonl`)];
      const at = ['--host', this.#bed.access(host), '--state', state, '--events', events];
      return execUri(['exec', process.execPath, XMIGRATE, command, '--vm', 'vm1', ...at, ...words]);
    };
    await a.monitor.execute('migrate-set-parameters', { 'max-bandwidth': 4 * 1024 ** 2, 'downtime-limit': Number(NEVER_MS) });
    await b.monitor.execute('migrate-incoming', { uri: program('recv', 'HOST_B') });
    await this.#until(() => this.#events.said('recv', 'listening') !== undefined);
    const to = String(this.#events.said('recv', 'listening')?.['dag']);
    await a.monitor.execute('migrate', { uri: program('send', 'HOST_A', '--to', to) });
  }

  state(end: 'a' | 'b'): string {
    return join(this.folder, `state-${end}`);
  }

  /** What a program has in its environment: a folder of its own for what is not to be left there. */
  get environment(): Record<string, string> {
    return environmentOf(this.#bed, this.folder);
  }

  /** What is in that folder. */
  leftovers(): string[] {
    return readdirSync(join(this.folder, 't'));
  }

  /** What both hosts have written down: the phases, or `-`. */
  phases(): string {
    return (['a', 'b'] as const).map((end) => new OwnershipFile(this.state(end), 'vm1').read()?.phase ?? '-').join('/');
  }

  /** Waits for a moment of the move. @returns false when it was over before. */
  async reach(moment: Moment): Promise<boolean> {
    if (moment === 'hello') return this.#until(() => ['send', 'recv'].every((end) => this.#events.said(end as 'send' | 'recv', 'started')));
    if (moment === 'first') return this.#until(async () => (await this.#passes()).bytes > FIRST_PASS_BYTES);
    if (!(await this.#until(async () => (await this.#passes()).pass >= MIDDLE_PASS))) return false;
    if (moment === 'middle') return true;
    await this.letGo();
    if (moment === 'last') return this.#until(() => this.#hasStopped);
    // By hand nothing is loaded before the commit.
    const [end, event] = this.run === undefined ? (['send', 'input-sent'] as const) : (['recv', 'loading'] as const);
    if (moment === 'done') return this.#until(() => this.#events.said(end, event) !== undefined);
    if (moment === 'commit') return this.#until(() => this.#events.said('send', 'committing') !== undefined);
    return (await this.run?.ended) === 0;
  }

  /** Lets QEMU stop the guest at the end of a pass. */
  async letGo(): Promise<void> {
    await this.machines.a.monitor.execute('migrate-set-parameters', { 'downtime-limit': NOW_MS }).catch(() => undefined);
  }

  /** Kills it, or cuts it; what is a daemon comes back when the case says so. @returns when it is there again. */
  async hit({ victim, outageMs }: KillCase): Promise<void> {
    const { a, b } = this.machines;
    if (victim === 'source-qemu') a.kill();
    else if (victim === 'destination-qemu') b.kill();
    else if (victim === 'run') this.run?.child.kill('SIGKILL');
    else if (victim === 'disk-connect' || victim === 'disk-listen')
      for (const { pid } of processesNaming(this.folder).filter(({ words }) => words.includes(` ${victim} `))) killProgram(pid);
    else if (victim === 'send' || victim === 'recv') killProgram(this.#events.said(victim, 'started')?.['pid']);
    else await this.#outage(victim, outageMs);
  }

  async #outage(victim: Victim, outageMs: number): Promise<void> {
    if (victim === 'link') await this.#bed.link(false);
    else await this.#bed.kill(victim);
    if (outageMs === Infinity) return;
    await sleep(outageMs);
    if (victim === 'link') await this.#bed.link(true);
    else await this.#bed.restart(victim);
  }

  /** Waits until every program of this move has gone. @returns those that have not. */
  async quiet(): Promise<string[]> {
    const deadline = performance.now() + END_TIMEOUT_MS;
    for (;;) {
      const left = processesNaming(this.folder).filter(({ words }) => !words.startsWith('qemu-system'));
      if (left.length === 0 || performance.now() > deadline) return left.map(({ words }) => words);
      await sleep(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events.close();
    for (const { pid, words } of processesNaming(this.folder)) if (!words.startsWith('qemu-system')) killProgram(pid);
    await Promise.all([this.machines.a.end(), this.machines.b.end()]);
    if (process.env['KILL_KEEP'] === undefined) rmSync(this.folder, { recursive: true, force: true });
  }

  async #passes(): Promise<{ pass: number; bytes: number }> {
    const found = (await this.machines.a.monitor.execute('query-migrate').catch(() => ({}))) as {
      status?: string;
      ram?: { transferred: number; 'dirty-sync-count': number };
    };
    if (found.status !== 'active' || found.ram === undefined) return { pass: 0, bytes: 0 };
    return { pass: found.ram['dirty-sync-count'], bytes: found.ram.transferred };
  }

  async #until(condition: () => boolean | Promise<boolean>): Promise<boolean> {
    const deadline = performance.now() + REACH_TIMEOUT_MS;
    while (!(await condition())) {
      if (this.run?.isOver() === true || performance.now() > deadline) return false;
      await sleep(LOOK_AGAIN_MS);
    }
    return true;
  }
}

function environmentOf(bed: KillBed, folder: string): Record<string, string> {
  return { ...bed.environment, TMPDIR: join(folder, 't') };
}
