import { ownershipAdvice, resolveOwnership, type OwnershipRecord, type OwnershipStep } from '../../migrate/src/state/index.js';

/** Thrown by the step at which a process is killed. */
class Killed extends Error {}

/** A process that may be killed before any of its steps: a write, a message, a command to QEMU. */
export class Mortal {
  alive = true;
  #stepsLeft: number;
  readonly #onDeath: () => void;

  constructor(stepsLeft: number, onDeath: () => void) {
    this.#stepsLeft = stepsLeft;
    this.#onDeath = onDeath;
  }

  step(): void {
    if (this.#stepsLeft-- > 0) return;
    this.die();
    throw new Killed();
  }

  die(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#onDeath();
  }

  /** Runs as much of an act as the process lives to do. */
  act(run: () => void): void {
    if (!this.alive) return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

/** A write that the file system did not confirm. */
class DiskError extends Error {}

/** What becomes of a write: `full`: nothing is written. `unsure`: it is, but nobody says so. */
export type DiskState = 'works' | 'full' | 'unsure';

export type GuestState = 'running' | 'stopped' | 'waiting' | 'loaded' | 'gone';

/** One of the two hosts: its state file and its QEMU. */
export class OwnershipHost {
  readonly role: 'source' | 'destination';
  record: OwnershipRecord | undefined;
  guest: GuestState;
  disk: () => DiskState = () => 'works';
  /** The transfer's process. */
  process: Mortal | undefined;
  readonly #onGuest: () => void;

  constructor(role: 'source' | 'destination', onGuest: () => void) {
    this.role = role;
    this.guest = role === 'source' ? 'running' : 'waiting';
    this.#onGuest = onGuest;
  }

  setGuest(state: GuestState): void {
    this.guest = state;
    this.#onGuest();
  }

  /** As a state file: the process may be killed before it is on disk, or right after. @throws DiskError */
  write(step: OwnershipStep, by: Mortal): void {
    by.step();
    const disk = this.disk();
    if (disk === 'full') throw new DiskError();
    const sequence = (this.record?.sequence ?? 0) + 1;
    const fixed = { format: 1 as const, vm: 'vm1', transfer: '07'.repeat(16), peer: '', qmp: 'q', host: '', runs: true, pid: 1 };
    this.record = { ...fixed, ...step, sequence, updatedAt: '2026-01-01T00:00:00.000Z', bytes: 0, chunks: 0, reason: '' };
    by.step();
    if (disk === 'unsure') throw new DiskError();
  }

  /** Returns whether it was written, as far as anybody can tell. */
  tryWrite(step: OwnershipStep, by: Mortal): boolean {
    try {
      this.write(step, by);
      return true;
    } catch (error) {
      if (error instanceof DiskError) return false;
      throw error;
    }
  }

  /** Whether the guest was never given up, by what is written. */
  get mayRunOn(): boolean {
    return this.record?.phase === 'sending' || this.record?.phase === 'running';
  }

  get isBusy(): boolean {
    return this.process?.alive === true;
  }

  /** Does what `xmigrate status` says here, as the command that it names does it. Returns false when there was nothing to do. */
  followAdvice(peer: OwnershipHost, by: Mortal): boolean {
    const own = this.record;
    if (own === undefined || this.isBusy) return false;
    const { command } = ownershipAdvice(own, false);
    const wish = /^xmigrate (resume|abort) /.exec(command)?.[1];
    if (wish === undefined) return false;
    const sees = command.includes('--peer-state');
    if (sees && peer.isBusy) return false;
    const knowledge =
      sees && peer.record !== undefined ? ({ kind: 'record', record: peer.record } as const) : ({ kind: 'unknown' } as const);
    const { verdict, write, peerWrite } = resolveOwnership(own, knowledge, wish as 'resume' | 'abort', this.guest === 'loaded');
    if (verdict === 'ask' || verdict === 'refuse') throw new Error(`the advice "${command}" leads to "${verdict}"`);
    by.act(() => {
      if (peerWrite !== undefined) peer.write(peerWrite, by);
      if (write !== undefined) this.write(write, by);
      by.step();
      if (verdict === 'run') this.run();
      else this.hold();
    });
    return true;
  }

  run(): void {
    if (this.guest === 'stopped' || this.guest === 'loaded') this.setGuest('running');
  }

  hold(): void {
    if (this.role === 'destination' && this.guest === 'loaded') this.setGuest('gone');
    if (this.role === 'source' && this.guest === 'running') this.setGuest('stopped');
  }
}
