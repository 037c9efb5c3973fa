import { XiaError } from 'xia-core';
import { faultsOf, findingText, machineFacts, pairFindings, placeFindings } from '../checks/index.js';
import type { QmpClient } from '../qemu/index.js';
import type { RunMigrationOptions } from './migration-plan.js';

/**
 * Makes sure that a move may begin, before anything is started: the machines fit, and the files of both sides allow it.
 * @returns whether the guest runs at the source now (it may also be paused, and then stays so)
 * @throws XiaError `refused` with every reason, `qmp-error`
 */
export async function preflight(options: RunMigrationOptions, source: QmpClient, destination: QmpClient): Promise<boolean> {
  const [from, to] = await Promise.all([machineFacts(source), machineFacts(destination)]);
  const places = await placeFindings(options.vm, options.source, options.destination);
  const faults = faultsOf([...pairFindings(from, to), ...places]);
  if (faults.length > 0) throw new XiaError('refused', faults.map(findingText).join('\n'), { faults });
  return from.status === 'running';
}
