import { setTimeout as sleep } from 'node:timers/promises';
import { queryRunState } from '../qemu/index.js';
import { GuestFence, OwnershipFile } from '../state/index.js';
import type { GuestWatch } from './guest-watch.js';
import type { ProgramFollower } from './program-follower.js';
import type { RunMigrationOptions, RunResult } from './migration-plan.js';

export interface SettleInput {
  readonly options: RunMigrationOptions;
  readonly source: GuestWatch;
  readonly destination: GuestWatch;
  readonly sender: ProgramFollower;
  readonly receiver: ProgramFollower;
  /** Whether the guest ran before; a paused one stays paused. */
  readonly wasRunning: boolean;
}

export type Settlement = Pick<RunResult, 'outcome' | 'runner' | 'reason'>;

const LOOK_AGAIN_MS = 20;

/**
 * Both ends have ended: decides by what they wrote down who owns the VM, and sees to it that this one, and no other, runs.
 *
 * The destination owns it once it wrote `running`, unless its QEMU then died without ever starting the guest. In every
 * other case the source does: its QEMU still has the whole guest, stopped or running.
 */
export async function settle(input: SettleInput): Promise<Settlement> {
  const { options, receiver, sender } = input;
  const reason = sender.summary?.reason || receiver.summary?.reason || 'xmigrate ended without a word';
  // A source that never got to send cannot have handed anything over, however the destination goes on waiting.
  if (!receiver.isOver && receiver.pid !== undefined && sender.pid !== undefined) {
    return { outcome: 'in-doubt', runner: 'none', reason: `the destination's xmigrate (process ${receiver.pid}) has not ended: ${reason}` };
  }
  const record = new OwnershipFile(options.destination.stateDirectory, options.vm).read();
  const taken = record !== undefined && record.pid === receiver.pid && record.role === 'destination' && record.phase === 'running';
  if (!taken) return keepAtSource(input, reason);
  return (await runAtDestination(input)) ?? keepAtSource(input, "the destination's QEMU could not load the VM and ended");
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
    if (state?.status === 'paused') await destination.qmp.execute('cont');
    if (performance.now() > deadline) {
      const reason = `the VM is the destination's, but its QEMU does not start it (state "${state?.status ?? 'unknown'}")`;
      return { outcome: 'in-doubt', runner: 'none', reason };
    }
    await sleep(LOOK_AGAIN_MS);
  }
  // QEMU resumes a source whose migration was cancelled through its monitor after the last byte had left.
  const copy = source.qmp.closed ? undefined : await queryRunState(source.qmp);
  if (copy?.running) await source.qmp.execute('stop');
  return { outcome: 'moved', runner: wasRunning ? 'destination' : 'none', reason: '' };
}

async function keepAtSource({ options, source, destination, wasRunning }: SettleInput, reason: string): Promise<Settlement> {
  const file = new OwnershipFile(options.source.stateDirectory, options.vm);
  const record = file.read();
  if (record?.role === 'source' && record.phase !== 'running') file.write({ role: 'source', phase: 'running' }, { reason });
  await liftFence(options);
  if (!destination.qmp.closed) {
    const copy = await queryRunState(destination.qmp).catch(() => undefined);
    if (copy?.running)
      return { outcome: 'in-doubt', runner: 'destination', reason: `the destination runs a VM that it was not given: ${reason}` };
  }
  if (source.qmp.closed) return { outcome: 'stayed', runner: 'none', reason: `the source's QEMU has ended: ${reason}` };
  let state = await queryRunState(source.qmp);
  if (wasRunning && !state.running) {
    // QEMU resumes by itself a guest whose migration it saw fail; one whose stream it had written whole it leaves stopped.
    await source.qmp.execute('cont');
    state = await queryRunState(source.qmp);
  }
  return { outcome: 'stayed', runner: state.running ? 'source' : 'none', reason };
}

/** The source may have had its copy fenced before the VM turned out to stay. A host that does not hear of it forgets in a minute. */
async function liftFence({ source, guest }: RunMigrationOptions): Promise<void> {
  if (source.control === undefined || guest === undefined) return;
  const fence = new GuestFence({ control: source.control, guest: guest.toString(), onFault: () => undefined });
  fence.lift();
  await fence.settled();
}
