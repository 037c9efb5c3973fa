import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlCall } from 'xia-core';
import { loadTopology, Testbed, withLinks } from 'xia-tools';
import type { Victim } from './matrix.js';

const WAY_TRIES = 60;
const LOOK_AGAIN_MS = 50;

/** A network of real processes, `inter-ad` with a name server and a link that can be cut, which is whole again between two cases. */
export class KillBed {
  readonly folder: string;
  readonly #testbed: Testbed;
  readonly #restarts = new Set<Promise<void>>();
  #isOver = false;

  private constructor(folder: string, testbed: Testbed) {
    this.folder = folder;
    this.#testbed = testbed;
  }

  static async start(): Promise<KillBed> {
    const folder = mkdtempSync(join(tmpdir(), 'kill-'));
    return new KillBed(folder, await Testbed.up(withLinks(await loadTopology('inter-ad'), 'delay=1ms'), join(folder, 'bed')));
  }

  get environment(): Record<string, string> {
    return this.#testbed.environment('HOST_A');
  }

  access(host: 'HOST_A' | 'HOST_B'): string {
    return this.#testbed.node(host).access!;
  }

  async kill(victim: Victim): Promise<void> {
    const { pid, running } = (await this.#testbed.status()).find(({ name }) => name === this.#nameOf(victim))!;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    while (running && isAlive(pid!)) await sleep(1);
  }

  async restart(victim: Victim): Promise<void> {
    this.goesOn();
    const restart = this.#testbed.restart(this.#nameOf(victim));
    this.#restarts.add(restart);
    await restart.finally(() => this.#restarts.delete(restart));
  }

  /** @throws when the network is being ended: a case whose time is over still runs then, and what it starts nobody would end */
  goesOn(): void {
    if (this.#isOver) throw new Error('the network has been stopped');
  }

  async link(isUp: boolean): Promise<void> {
    const link = this.#testbed.state.nodes.find(({ kind }) => kind === 'link')!;
    await controlCall(link.control, isUp ? 'up' : 'down');
  }

  /** Starts what was killed, and waits until there is a way from host to host again. */
  async repair(): Promise<void> {
    await this.link(true);
    const dead = (await this.#testbed.status()).filter(({ running }) => !running);
    this.goesOn();
    for (const { name } of dead) await this.#testbed.restart(name);
    const { ad, hid } = this.#testbed.node('HOST_B');
    for (let tries = 0; ; tries++) {
      const ping = this.#testbed.exec('HOST_A', 'xping', ['-c', '1', '-t', '1', `RE ${this.#testbed.ad(ad)} ${hid}`], { stdio: 'ignore' });
      const [code] = (await once(ping, 'exit')) as [number | null];
      if (code === 0) return;
      if (tries === WAY_TRIES) throw new Error('there is no way from HOST_A to HOST_B any more');
      await sleep(LOOK_AGAIN_MS);
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.allSettled(this.#restarts);
    // Of moves that were interrupted.
    for (let left = this.#ofMoves(); left.length > 0; left = this.#ofMoves()) {
      for (const { pid } of left) killProgram(pid);
      await sleep(LOOK_AGAIN_MS);
    }
    await this.#testbed.down();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #ofMoves(): { pid: number }[] {
    return processesNaming(join(this.folder, 'm'));
  }

  #nameOf(victim: Victim): string {
    if (victim !== 'names') return victim;
    return this.#testbed.state.nodes.find(({ kind }) => kind === 'nameserver')!.name;
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** The processes that have this text in their command line. */
export function processesNaming(text: string): { pid: number; words: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ');
        return words.includes(text) ? [{ pid: Number(name), words }] : [];
      } catch {
        return [];
      }
    });
}

/** Kills a process, unless that has just ended or was never there. */
export function killProgram(pid: unknown): void {
  if (typeof pid !== 'number') return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
