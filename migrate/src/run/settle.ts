import { setTimeout as sleep } from 'node:timers/promises';
import { discardGuest, goOn, startGuest } from '../machine/index.js';
import { queryRunState } from '../qemu/index.js';
import { GuestFence, isProcessAlive, noteStays, OwnershipFile, type OwnershipRecord } from '../state/index.js';
import type { GuestWatch } from './guest-watch.js';
import type { ProgramPair } from './program-pair.js';
import type { RunMigrationOptions, RunResult } from './migration-plan.js';

export interface SettleInput {
  readonly options: RunMigrationOptions;
  readonly source: GuestWatch;
  readonly destination: GuestWatch;
  readonly pair: Pick<ProgramPair, 'sender' | 'receiver'>;
  /** Whether the guest ran before; a paused one stays paused. */
  readonly wasRunning: boolean;
  /** What the destination's state file said before the programs began; undefined: it was not there. */
  readonly earlier: OwnershipRecord | undefined;
}

export type Settlement = Pick<RunResult, 'outcome' | 'runner' | 'reason'> & Partial<Pick<RunResult, 'isUnreachable'>>;

const LOOK_AGAIN_MS = 20;
const END_TIMEOUT_MS = 2_000;

/**
 * Both ends have ended, or one has and the other cannot learn any more: decides by what they wrote down who owns the VM, and sees to
 * it that this one, and no other, runs.
 *
 * The destination owns it once it wrote `running`, unless its QEMU then died without ever starting the guest. In every
 * other case the source does: its QEMU still has the whole guest, stopped or running.
 */
export async function settle(input: SettleInput): Promise<Settlement> {
  const { options, pair } = input;
  const { sender, receiver } = pair;
  const { reason, isUnreachable } = whyItEnded(pair);
  // A source that never got to send cannot have handed anything over, however the destination goes on waiting.
  if (!receiver.isOver && receiver.pid !== undefined && sender.pid !== undefined) {
    return { outcome: 'in-doubt', runner: 'none', reason: `the destination's xmigrate (process ${receiver.pid}) has not ended: ${reason}` };
  }
  // Nobody may write after we have read.
  await endNow(sender.summary === undefined ? sender.pid : undefined);
  const file = new OwnershipFile(options.destination.stateDirectory, options.vm);
  const record = file.read();
  // A process of a standby may have written the earlier one as well.
  const isNew = record?.sequence !== input.earlier?.sequence || record?.updatedAt !== input.earlier?.updatedAt;
  const isOurs = record !== undefined && isNew && record.pid === receiver.pid && record.role === 'destination';
  if (!isOurs || record.phase !== 'running') {
    // The promise never to run it, in place of the one who would have made it.
    if (isOurs && (record.phase === 'receiving' || record.phase === 'received')) {
      file.write({ role: 'destination', phase: 'aborted' }, { reason });
    }
    return { ...(await keepAtSource(input, reason)), isUnreachable };
  }
  return (await runAtDestination(input)) ?? keepAtSource(input, "the destination's QEMU could not load the VM and ended");
}

/** The word of the end that knows: one that died says nothing, and one that was stopped because the other end was over knows nothing. */
export function whyItEnded({ sender, receiver }: Pick<ProgramPair, 'sender' | 'receiver'>): Pick<Settlement, 'reason' | 'isUnreachable'> {
  const ends = [{ name: 'source', program: sender } as const, { name: 'destination', program: receiver } as const];
  const dead = ends.find(({ program }) => program.summary === undefined && program.isOver);
  if (dead !== undefined && !dead.program.wasStopped)
    return { reason: `the ${dead.name}'s xmigrate ${dead.program.fate}`, isUnreachable: false };
  const said = ends.filter(({ program }) => program.summary !== undefined && program.summary.reason !== '');
  const summary = (said.find(({ program }) => !program.wasStopped) ?? said[0])?.program.summary;
  const isUnreachable = summary?.code === 'peer-lost';
  // An end that has lost the network itself knows more than one that hears nothing of it.
  const nearer = isUnreachable ? (sender.missingThere ?? receiver.missingThere) : undefined;
  return { reason: nearer ?? summary?.reason ?? 'xmigrate ended without a word', isUnreachable };
}

/** Ends a program that only waits for one that is gone. */
async function endNow(pid: number | undefined): Promise<void> {
  const deadline = performance.now() + END_TIMEOUT_MS;
  for (let told = false; pid !== undefined && isProcessAlive(pid) && performance.now() < deadline; told = true) {
    if (!told) process.kill(pid, 'SIGKILL');
    await sleep(LOOK_AGAIN_MS);
  }
}

async function runAtDestination({ options, source, destination, wasRunning }: SettleInput): Promise<Settlement | undefined> {
  const deadline = performance.now() + (options.settleTimeoutMs ?? 30_000);
  for (;;) {
    if (destination.qmp.closed) {
      if (destination.resumedAtMs === undefined) return undefined;
      return { outcome: 'moved', runner: 'none', reason: "the destination's QEMU ended after it had started the VM" };
    }
    // A monitor that closes between the two lines is seen in the next round.
    const state = await queryRunState(destination.qmp).catch(() => undefined);
    if (state?.running || (state?.status === 'paused' && !wasRunning)) break;
    if (state?.status === 'paused') await startGuest(destination.qmp).catch(() => undefined);
    if (performance.now() > deadline) {
      const reason = `the VM is the destination's, but its QEMU does not start it (state "${state?.status ?? 'unknown'}")`;
      return { outcome: 'in-doubt', runner: 'none', reason };
    }
    if (state?.status !== 'paused') await sleep(LOOK_AGAIN_MS);
  }
  // QEMU resumes a source whose migration was cancelled through its monitor after the last byte had left.
  // A monitor that closes meanwhile has no copy behind it.
  const copy = await queryRunState(source.qmp).catch(() => undefined);
  if (copy?.running) await source.qmp.execute('stop');
  // A sender that was killed in the commit could not write this.
  const file = new OwnershipFile(options.source.stateDirectory, options.vm);
  const record = file.read();
  if (record?.role === 'source' && record.phase === 'handed-over') file.write({ role: 'source', phase: 'gone' });
  return { outcome: 'moved', runner: wasRunning ? 'destination' : 'none', reason: '' };
}

async function keepAtSource({ options, source, destination, wasRunning }: SettleInput, reason: string): Promise<Settlement> {
  if (!destination.qmp.closed) {
    const copy = await queryRunState(destination.qmp).catch(() => undefined);
    if (copy?.running)
      return { outcome: 'in-doubt', runner: 'destination', reason: `the destination runs a VM that it was not given: ${reason}` };
  }
  const file = new OwnershipFile(options.source.stateDirectory, options.vm);
  const record = file.read();
  if (record?.role === 'source' && record.phase !== 'running') noteStays(file, { reason });
  await liftFence(options);
  await discardGuest(destination.qmp);
  if (source.qmp.closed) return { outcome: 'stayed', runner: 'none', reason: `the source's QEMU has ended: ${reason}` };
  const runs = wasRunning ? await goOn(source.qmp) : (await queryRunState(source.qmp)).running;
  return { outcome: 'stayed', runner: runs ? 'source' : 'none', reason };
}

/** The source may have had its copy fenced before the VM turned out to stay. A host that does not hear of it forgets in a minute. */
async function liftFence({ source, guest }: RunMigrationOptions): Promise<void> {
  if (source.control === undefined || guest === undefined) return;
  const fence = new GuestFence({ control: source.control, guest: guest.toString(), onFault: () => undefined });
  fence.lift();
  await fence.settled();
}
