import { XiaError } from 'xia-core';
import type { OwnershipDetails, OwnershipFile } from './ownership-file.js';
import type { OwnershipRecord } from './ownership-record.js';
import { isProcessAlive } from './process-alive.js';

const busyPhases: ReadonlySet<string> = new Set(['sending', 'handed-over', 'receiving', 'received']);

/**
 * Refuses while another process is moving the VM.
 * @throws XiaError `already-running`
 */
export function refuseWhileBusy(record: OwnershipRecord, file: OwnershipFile): void {
  if (!busyPhases.has(record.phase) || record.pid === process.pid || !isProcessAlive(record.pid)) return;
  const why = `process ${record.pid} is ${record.phase} ${record.vm}, says ${file.path}`;
  throw new XiaError('already-running', `${why} (two hosts on one machine need a --state directory each)`, { pid: record.pid });
}

/**
 * Refuses to send a VM that this host has given away, or that another process is moving.
 * @throws XiaError `already-running`, `refused`
 */
export function checkMaySend(file: OwnershipFile): void {
  const record = file.read();
  if (record === undefined) return;
  refuseWhileBusy(record, file);
  const { vm, role, phase } = record;
  if (role === 'source' && (phase === 'handed-over' || phase === 'gone')) {
    throw new XiaError('refused', `${vm} is not this host's to send: its state is ${phase} (see "xmigrate status --vm ${vm}")`, {
      vm,
      phase,
    });
  }
}

/**
 * Refuses to receive a VM while another process is moving it.
 * @throws XiaError `already-running`
 */
export function checkMayReceive(file: OwnershipFile): void {
  const record = file.read();
  if (record !== undefined) refuseWhileBusy(record, file);
}

/**
 * Declares a VM that was handed over to be this host's again. The caller vouches that the destination does not run it:
 * the commit was not confirmed, or its QEMU could not load the VM.
 * @throws XiaError `refused` in any other state
 */
export function takeBack(file: OwnershipFile, vm: string): OwnershipRecord {
  const record = file.read();
  if (record === undefined || record.role !== 'source' || (record.phase !== 'handed-over' && record.phase !== 'gone')) {
    const state = record === undefined ? 'nothing is known of it' : `its state is ${record.role}/${record.phase}`;
    throw new XiaError('refused', `${vm} was not handed over by this host: ${state}`, { vm });
  }
  refuseWhileBusy(record, file);
  return file.write({ role: 'source', phase: 'running' }, { reason: 'taken back by the operator' });
}

/**
 * Notes that the VM stays with the source. Until it is given up it is the source's whatever is written, so that a disk which takes
 * nothing does not keep it from running. @throws what the file system says, when it was given up by what is written
 */
export function noteStays(file: OwnershipFile, details: OwnershipDetails): void {
  try {
    file.write({ role: 'source', phase: 'running' }, details);
  } catch (error) {
    const phase = file.read()?.phase;
    if (phase !== 'sending' && phase !== 'running') throw error;
  }
}
