import type { OwnershipRecord, OwnershipStep } from './ownership-record.js';

/** What is known of the other end of a migration. */
export type PeerKnowledge =
  | { readonly kind: 'unknown' }
  /** Its state file was read, or it has answered; no process works on it any more. */
  | { readonly kind: 'record'; readonly record: OwnershipRecord }
  | { readonly kind: 'answer'; readonly answer: 'taken' | 'aborted' };

/** What to do about a VM on this host. */
export interface Resolution {
  /** `run`: it is this host's. `hold`: it is not, and its copy must not run. `ask`: only the other host can tell. `refuse`: it cannot be. */
  readonly verdict: 'run' | 'hold' | 'ask' | 'refuse';
  /** To be on disk here before anything is done. */
  readonly write?: OwnershipStep;
  /** The other host's promise never to run it, to be on disk there before that. */
  readonly peerWrite?: OwnershipStep;
  readonly why: string;
}

const ABORTED: OwnershipStep = { role: 'destination', phase: 'aborted' };
const RUNNING: OwnershipStep = { role: 'source', phase: 'running' };

/**
 * Who shall run a VM whose migration broke off: by what both hosts have written, never by guessing. After the source has handed
 * it over, the destination's file decides, and it says `running` or `aborted` once and for all. The process of `own` is gone.
 *
 * `wish`: `resume` finishes what can be finished, `abort` leaves the VM at the source where that is still possible.
 * `isLoaded`: whether this host's QEMU holds the whole VM, stopped.
 */
export function resolveOwnership(own: OwnershipRecord, peer: PeerKnowledge, wish: 'resume' | 'abort', isLoaded: boolean): Resolution {
  return own.role === 'source' ? resolveSource(own, peer, wish) : resolveDestination(own, peer, wish, isLoaded);
}

function resolveSource(own: OwnershipRecord, peer: PeerKnowledge, wish: 'resume' | 'abort'): Resolution {
  const { vm } = own;
  const theirs =
    peer.kind === 'record' && peer.record.transfer === own.transfer && peer.record.role === 'destination' ? peer.record : undefined;
  switch (own.phase) {
    case 'running':
      return { verdict: 'run', why: `${vm} is this host's` };
    case 'sending':
      return { verdict: 'run', write: RUNNING, why: `${vm} was never given up` };
    case 'gone':
      if (theirs?.phase === 'failed') return { verdict: 'run', write: RUNNING, why: `${vm} never started at the destination` };
      if (wish === 'resume') return { verdict: 'hold', why: `${vm} runs at the destination` };
      return { verdict: 'refuse', why: `${vm} runs at the destination; move it back with "xmigrate run"` };
    default:
      break;
  }
  if (peer.kind === 'answer') {
    if (peer.answer === 'taken') return { verdict: 'hold', write: { role: 'source', phase: 'gone' }, why: `${vm} runs at the destination` };
    return { verdict: 'run', write: RUNNING, why: `the destination never runs ${vm}` };
  }
  if (theirs?.phase === 'running') {
    return { verdict: 'hold', write: { role: 'source', phase: 'gone' }, why: `${vm} is the destination's, says its state file` };
  }
  if (theirs?.phase === 'aborted' || theirs?.phase === 'failed') {
    return { verdict: 'run', write: RUNNING, why: `the destination never runs ${vm}, says its state file` };
  }
  if (theirs !== undefined) {
    return {
      verdict: 'run',
      write: RUNNING,
      peerWrite: ABORTED,
      why: `${vm} never ran at the destination, which has promised that it never will`,
    };
  }
  return { verdict: 'ask', why: `${vm} was handed over, and only the destination knows whether it has taken it` };
}

function resolveDestination(own: OwnershipRecord, peer: PeerKnowledge, wish: 'resume' | 'abort', isLoaded: boolean): Resolution {
  const { vm } = own;
  switch (own.phase) {
    case 'running':
      if (wish === 'resume') return { verdict: 'run', why: `${vm} is this host's` };
      return { verdict: 'refuse', why: `${vm} is this host's; move it back with "xmigrate run"` };
    case 'aborted':
    case 'failed':
      return { verdict: 'hold', why: `${vm} never ran here and is the source's` };
    case 'receiving':
      return { verdict: 'hold', write: ABORTED, why: `${vm} arrived in part only` };
    default:
      break;
  }
  if (wish === 'abort' || !isLoaded) {
    return { verdict: 'hold', write: ABORTED, why: isLoaded ? `${vm} is given back to the source` : `no QEMU here holds ${vm}` };
  }
  const theirs = peer.kind === 'record' && peer.record.transfer === own.transfer && peer.record.role === 'source' ? peer.record : undefined;
  if (theirs?.phase === 'handed-over' || theirs?.phase === 'gone') {
    return { verdict: 'run', write: { role: 'destination', phase: 'running' }, why: `the source has given ${vm} up, says its state file` };
  }
  if (theirs !== undefined) return { verdict: 'hold', write: ABORTED, why: `the source has not given ${vm} up` };
  return { verdict: 'ask', why: `${vm} is here and whole, and only the source knows whether it has given it up` };
}
