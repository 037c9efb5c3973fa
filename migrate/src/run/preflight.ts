import * as v from 'valibot';
import { XiaError } from 'xia-core';
import { queryRunState, type QmpClient } from '../qemu/index.js';

const memorySchema = v.object({ 'base-memory': v.number(), 'plugged-memory': v.optional(v.number(), 0) });

/** What must be the same on both sides for the destination to be able to load the stream. */
export interface MachineFacts {
  readonly machine: string;
  readonly memoryBytes: number;
  readonly processors: number;
  readonly version: { readonly major: number; readonly minor: number; readonly micro: number };
  readonly status: string;
}

/** @throws XiaError `qmp-error` */
export async function machineFacts(qmp: QmpClient): Promise<MachineFacts> {
  const memory = v.parse(memorySchema, await qmp.execute('query-memory-size-summary'));
  return {
    machine: v.parse(v.string(), await qmp.execute('qom-get', { path: '/machine', property: 'type' })),
    memoryBytes: memory['base-memory'] + memory['plugged-memory'],
    processors: v.parse(v.array(v.unknown()), await qmp.execute('query-cpus-fast')).length,
    version: qmp.version,
    status: (await queryRunState(qmp)).status,
  };
}

/** Why this pair cannot migrate, in words; empty when it can. */
export function pairFaults(source: MachineFacts, destination: MachineFacts): string[] {
  const faults: string[] = [];
  if (source.status !== 'running' && source.status !== 'paused')
    faults.push(`the source does not run a guest: its state is "${source.status}"`);
  if (destination.status !== 'inmigrate') {
    faults.push(`the destination does not wait for a guest: its state is "${destination.status}"; start it with "-incoming defer"`);
  }
  if (source.machine !== destination.machine) faults.push(`the machines differ: ${source.machine} and ${destination.machine}`);
  if (source.memoryBytes !== destination.memoryBytes)
    faults.push(`the memory differs: ${source.memoryBytes} and ${destination.memoryBytes} bytes`);
  if (source.processors !== destination.processors)
    faults.push(`the processors differ: ${source.processors} and ${destination.processors}`);
  const { version: from } = source;
  const { version: to } = destination;
  if (to.major < from.major || (to.major === from.major && to.minor < from.minor)) {
    faults.push(`the destination's QEMU ${to.major}.${to.minor} is older than the source's ${from.major}.${from.minor}`);
  }
  return faults;
}

/**
 * Makes sure that the pair fits before anything is started.
 * @returns whether the guest runs at the source now (it may also be paused, and then stays so)
 * @throws XiaError `refused` with every reason, `qmp-error`
 */
export async function checkPair(source: QmpClient, destination: QmpClient): Promise<boolean> {
  const [from, to] = await Promise.all([machineFacts(source), machineFacts(destination)]);
  const faults = pairFaults(from, to);
  if (faults.length > 0) throw new XiaError('refused', faults.join('; '), { source: from, destination: to });
  return from.status === 'running';
}
