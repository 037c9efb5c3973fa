import type { OwnershipRecord } from './ownership-record.js';

/** Who may run the VM, as far as this host's file tells. */
export type Owner = 'here' | 'there' | 'undecided';

export interface OwnershipAdvice {
  readonly owner: Owner;
  /** What is true. */
  readonly meaning: string;
  /** The command that mends it, ready to be typed; empty when there is nothing to mend. */
  readonly command: string;
  /** What to know about it; empty when nothing. */
  readonly action: string;
}

type Source = Extract<OwnershipRecord, { role: 'source' }>;
type Destination = Extract<OwnershipRecord, { role: 'destination' }>;

/**
 * What a record means. `alive`: whether the process that wrote it still runs, so that nothing needs to be done yet.
 * `stateDirectory`: where the record is, for the command.
 */
export function ownershipAdvice(record: OwnershipRecord, alive: boolean, stateDirectory = 'DIR'): OwnershipAdvice {
  const resume = mendCommand('resume', record, stateDirectory);
  return record.role === 'source' ? sourceAdvice(record, alive, resume) : destinationAdvice(record, alive, resume);
}

function mendCommand(verb: string, { vm, qmp }: OwnershipRecord, stateDirectory: string): string {
  return `xmigrate ${verb} --vm ${vm} --state ${stateDirectory} --qmp ${qmp === '' ? 'SOCKET' : qmp}`;
}

function sourceAdvice({ vm, phase, reason, host, peer, runs }: Source, alive: boolean, resume: string): OwnershipAdvice {
  switch (phase) {
    case 'running':
      return {
        owner: 'here',
        meaning: `${vm} is this host's; the last attempt to move it ended: ${reason}`,
        command: resume,
        action: 'QEMU goes on by itself when its migration failed; the command is for one that stands still, and does no harm otherwise.',
      };
    case 'sending':
      if (alive) return { owner: 'here', meaning: `${vm} is being sent and still this host's`, command: '', action: '' };
      return {
        owner: 'here',
        meaning: `${vm} is this host's: xmigrate send ended before it gave the VM up`,
        command: resume,
        action: runs ? 'Lets the VM run on here.' : 'Leaves the VM here as it was: paused.',
      };
    case 'handed-over':
      if (alive) {
        return {
          owner: 'undecided',
          meaning: `${vm} was given up a moment ago; the destination's word is awaited`,
          command: '',
          action: '',
        };
      }
      return {
        owner: 'undecided',
        meaning: `${vm} was given up, but the destination never confirmed that it has it`,
        command: `${resume} --peer-state DESTINATION_DIR`,
        action:
          `The destination's state file decides. Where this host cannot see it: "xmigrate resume --answer" there, and here ` +
          `--host ${host === '' ? 'ADDR:PORT' : host} --to ${peer === '' ? 'DAG' : `"${peer}"`} instead of --peer-state. When the ` +
          `destination is lost for good: "xmigrate take-back --vm ${vm}", then "resume". Do not "cont" before.`,
      };
    case 'gone':
      return {
        owner: 'there',
        meaning: `${vm} runs at the destination`,
        command: '',
        action: 'Quit the QEMU here if it is still there; never "cont" it.',
      };
  }
}

function destinationAdvice({ vm, phase, reason }: Destination, alive: boolean, resume: string): OwnershipAdvice {
  switch (phase) {
    case 'receiving':
      if (alive) return { owner: 'there', meaning: `${vm} is arriving; it is still the source's`, command: '', action: '' };
      return {
        owner: 'there',
        meaning: `${vm} arrived in part only and never ran here; it is the source's`,
        command: resume,
        action: 'Writes that down, and ends the QEMU that holds a part of it.',
      };
    case 'received':
      if (alive) return { owner: 'undecided', meaning: `${vm} is here and whole; the source's word is awaited`, command: '', action: '' };
      return {
        owner: 'there',
        meaning: `${vm} is here and whole, but nobody has said that it is this host's, and it does not run here`,
        command: resume.replace('xmigrate resume', 'xmigrate abort'),
        action:
          `Gives it back: then "xmigrate resume" on the source lets it run there. Where the source has handed it over, "xmigrate resume" ` +
          `here with --peer-state or --answer can also finish the move.`,
      };
    case 'running':
      return {
        owner: 'here',
        meaning: `${vm} is this host's and was given to its QEMU`,
        command: resume,
        action: 'For a QEMU that holds it but does not run it ("paused"); does no harm otherwise.',
      };
    case 'aborted':
      return {
        owner: 'there',
        meaning: `${vm} never ran here and is the source's: ${reason || 'the migration was aborted'}`,
        command: '',
        action: 'Quit the QEMU that waits here, if it is still there; start a new one before the next attempt.',
      };
    case 'failed':
      return {
        owner: 'there',
        meaning: `${vm} never started here: QEMU went away when it was to run the VM (${reason})`,
        command: '',
        action: `See why this QEMU could not. On the source: "xmigrate resume" with --peer-state, or "xmigrate take-back --vm ${vm}".`,
      };
  }
}
