import { XiaError } from 'xia-core';
import { discardGuest, goOn, startGuest } from '../machine/index.js';
import { QmpClient, queryMigration, queryRunState } from '../qemu/index.js';
import type { OwnershipRecord } from '../state/index.js';

const STAYS_PAUSED = 'it was paused when its move began, and stays so ("cont" lets it run)';

/** The QEMU of a VM that is being mended, where there is one. */
export class MendMachine implements AsyncDisposable {
  readonly #qmp: QmpClient | undefined;
  /** False when no QEMU was named; then there is nothing to be said about it. */
  readonly isKnown: boolean;

  /** A QEMU that the state file names may have ended since; one that the operator names must answer. */
  static async open(named: string | undefined, record: OwnershipRecord): Promise<MendMachine> {
    if (named !== undefined) return new MendMachine(await QmpClient.connect({ path: named }), true);
    if (record.qmp === '') return new MendMachine(undefined, false);
    return new MendMachine(await QmpClient.connect({ path: record.qmp }).catch(() => undefined), true);
  }

  private constructor(qmp: QmpClient | undefined, isKnown: boolean) {
    this.#qmp = qmp;
    this.isKnown = isKnown;
  }

  /** Whether QEMU holds the whole VM that has come, and does not run it. */
  async isLoaded(): Promise<boolean> {
    if (this.#qmp === undefined) return false;
    const [state, migration] = [await queryRunState(this.#qmp), await queryMigration(this.#qmp)];
    return !state.running && state.status === 'paused' && migration.status === 'completed';
  }

  /**
   * Lets the VM run here, or leaves it as it was when its move began: paused. What it did is the answer, in words.
   * @throws XiaError `qemu-failed` when there is no QEMU, or it does not hold the VM
   */
  async run({ role, runs }: Pick<OwnershipRecord, 'role' | 'runs'>): Promise<string> {
    if (!this.isKnown) return runs ? 'no QEMU was named (--qmp), so see yourself that it runs ("cont")' : STAYS_PAUSED;
    if (this.#qmp === undefined) throw new XiaError('qemu-failed', 'the QEMU that had it does not answer any more');
    const { running, status } = await queryRunState(this.#qmp);
    if (running) return 'it runs';
    if (status !== 'paused' && status !== 'postmigrate' && status !== 'finish-migrate') {
      throw new XiaError('qemu-failed', `this QEMU does not hold it: its state is "${status}"`, { status });
    }
    if (!runs) return STAYS_PAUSED;
    if (role === 'destination') await startGuest(this.#qmp);
    else if (!(await goOn(this.#qmp))) throw new XiaError('qemu-failed', 'QEMU does not resume it');
    return 'it runs again';
  }

  /** Sees to it that no copy runs here. */
  async hold(role: OwnershipRecord['role']): Promise<string> {
    if (this.#qmp === undefined || this.#qmp.closed) return 'no copy is left here';
    if (role === 'destination') {
      await discardGuest(this.#qmp);
      return 'its copy here is given up';
    }
    if ((await queryRunState(this.#qmp)).running) await this.#qmp.execute('stop');
    return 'its copy here stands still; quit that QEMU';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#qmp?.close();
  }
}
