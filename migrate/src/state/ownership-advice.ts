import type { OwnershipRecord } from './ownership-record.js';

/** Who may run the VM, as far as this host's file tells. */
export type Owner = 'here' | 'there' | 'undecided';

export interface OwnershipAdvice {
  readonly owner: Owner;
  /** What is true. */
  readonly meaning: string;
  /** What to do about it; empty when nothing. */
  readonly action: string;
}

const RESUME_SOURCE =
  'QEMU goes on by itself when its migration failed; if "query-status" says postmigrate or paused, resume the VM with "cont".';
const QUIT_DESTINATION = 'Quit the QEMU that waits here; start a new one before the next attempt.';

/** What a record means. `alive`: whether the process that wrote it still runs, so that nothing needs to be done yet. */
export function ownershipAdvice(record: OwnershipRecord, alive: boolean): OwnershipAdvice {
  return record.role === 'source' ? sourceAdvice(record, alive) : destinationAdvice(record, alive);
}

function sourceAdvice(record: Extract<OwnershipRecord, { role: 'source' }>, alive: boolean): OwnershipAdvice {
  const { vm } = record;
  switch (record.phase) {
    case 'running':
      return { owner: 'here', meaning: `${vm} is this host's; the last attempt to move it ended: ${record.reason}`, action: RESUME_SOURCE };
    case 'sending':
      if (alive) return { owner: 'here', meaning: `${vm} is being sent and still this host's`, action: '' };
      return { owner: 'here', meaning: `${vm} is this host's: xmigrate send ended before it gave the VM up`, action: RESUME_SOURCE };
    case 'handed-over':
      if (alive) return { owner: 'undecided', meaning: `${vm} was given up a moment ago; the destination's word is awaited`, action: '' };
      return {
        owner: 'undecided',
        meaning: `${vm} was given up, but the destination never confirmed that it has it`,
        action:
          `Run "xmigrate status" on the destination. "running" there: quit the QEMU here and "xmigrate forget --vm ${vm}". ` +
          `"aborted", "failed", or "received" with its process gone: the VM never started there, so ` +
          `"xmigrate take-back --vm ${vm}" here, then "cont" in its QEMU. Do not "cont" before.`,
      };
    case 'gone':
      return {
        owner: 'there',
        meaning: `${vm} runs at the destination`,
        action: 'Quit the QEMU here if it is still there; never "cont" it.',
      };
  }
}

function destinationAdvice(record: Extract<OwnershipRecord, { role: 'destination' }>, alive: boolean): OwnershipAdvice {
  const { vm } = record;
  switch (record.phase) {
    case 'receiving':
      if (alive) return { owner: 'there', meaning: `${vm} is arriving; it is still the source's`, action: '' };
      return { owner: 'there', meaning: `${vm} arrived in part only and never ran here; it is the source's`, action: QUIT_DESTINATION };
    case 'received':
      if (alive) return { owner: 'undecided', meaning: `${vm} is here and whole; the source's word is awaited`, action: '' };
      return {
        owner: 'there',
        meaning: `${vm} never ran here: the end of its stream was lost with xmigrate recv`,
        action: `${QUIT_DESTINATION} The source may take the VM back ("xmigrate take-back") if it had given it up.`,
      };
    case 'running':
      return { owner: 'here', meaning: `${vm} is this host's and was given to its QEMU`, action: '' };
    case 'aborted':
      return {
        owner: 'there',
        meaning: `${vm} never ran here and is the source's: ${record.reason || 'the migration was aborted'}`,
        action: QUIT_DESTINATION,
      };
    case 'failed':
      return {
        owner: 'there',
        meaning: `${vm} never started here: QEMU went away while it was given the end of the stream (${record.reason})`,
        action: `See why this QEMU could not load the VM. On the source: "xmigrate take-back --vm ${vm}", then "cont" in its QEMU.`,
      };
  }
}
