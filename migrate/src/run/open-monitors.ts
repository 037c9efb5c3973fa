import { XiaError } from 'xia-core';
import { fault, type Finding } from '../checks/index.js';
import { QmpClient } from '../qemu/index.js';
import type { MigrationSide } from './migration-plan.js';

/** The conversations with both QEMUs; one that could not be had is undefined, and a finding says why. */
export class Monitors implements AsyncDisposable {
  readonly source: QmpClient | undefined;
  readonly destination: QmpClient | undefined;
  readonly findings: readonly Finding[];
  readonly #own: readonly QmpClient[];

  private constructor(clients: readonly (QmpClient | undefined)[], own: readonly QmpClient[], findings: readonly Finding[]) {
    [this.source, this.destination] = clients;
    this.#own = own;
    this.findings = findings;
  }

  /** @throws XiaError `interrupted` */
  static async open(source: MigrationSide, destination: MigrationSide, signal?: AbortSignal): Promise<Monitors> {
    const findings: Finding[] = [];
    const own: QmpClient[] = [];
    if (typeof source.qmp === 'string' && source.qmp === destination.qmp) {
      const what = `the source and the destination have the same QMP socket ${source.qmp}`;
      return new Monitors([undefined, undefined], [], [fault('both', what, 'name the monitors of two QEMUs')]);
    }
    const open = async (where: 'source' | 'destination', { qmp }: MigrationSide): Promise<QmpClient | undefined> => {
      if (typeof qmp !== 'string') return qmp;
      try {
        const client = await QmpClient.connect({ path: qmp, ...(signal === undefined ? {} : { signal }) });
        own.push(client);
        return client;
      } catch (error) {
        if (!(error instanceof XiaError) || error.code === 'interrupted') throw error;
        findings.push(monitorFault(where, qmp, error));
        return undefined;
      }
    };
    const opened = await Promise.allSettled([open('source', source), open('destination', destination)]);
    const failed = opened.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) {
      await Promise.all(own.map((client) => client.close()));
      throw failed.reason;
    }
    const clients = opened.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined));
    return new Monitors(clients, own, findings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#own.map((client) => client.close()));
  }
}

function monitorFault(where: 'source' | 'destination', path: string, error: XiaError): Finding {
  const start = where === 'source' ? '' : ' -incoming defer';
  const option = `"-qmp unix:${path},server=on,wait=off${start}"`;
  switch (error.context['cause']) {
    case 'ENOENT':
      return fault(where, `there is no QMP socket ${path}`, `name the right one, or start QEMU with ${option}`);
    case 'ECONNREFUSED':
      return fault(where, `the QEMU of ${path} has ended: nobody listens on its socket`, `start it again with ${option}`);
    case 'EACCES':
    case 'EPERM':
      return fault(where, `this user may not connect to ${path}`, 'run xmigrate as the user that runs QEMU');
    default:
      if (error.code === 'timeout') {
        const what = `the QEMU of ${path} does not greet: another program talks to this monitor, or QEMU hangs`;
        return fault(where, what, 'end the other program, or give QEMU a second "-qmp" socket');
      }
      return fault(where, error.message, 'see that it is a QMP socket of QEMU');
  }
}
