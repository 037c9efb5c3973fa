import { statfsSync, statSync } from 'node:fs';
import { XiaError } from 'xia-core';
import { fault, findingText, type DiskNeed } from '../checks/index.js';
import { queryMigrationCapabilities, type QmpClient } from '../qemu/index.js';
import { queryDisks } from './disk-facts.js';
import { planDisks, type DiskMode, type DiskPair, type DiskPlan, type PairSurroundings } from './disk-plan.js';

/** What the operator says about disks. */
export interface DiskOptions {
  /** Default `auto`. */
  readonly mode?: DiskMode;
  /** Every disk is on storage that both sites see, so none is copied. */
  readonly sharedStorage?: boolean;
  /** Bytes per second of one disk's copy; default: as fast as the path bears. */
  readonly maxBandwidthBytesPerSecond?: number;
}

/**
 * Asks both QEMUs for their disks and decides what is to be copied; nothing is changed. The plan has every reason why it cannot be.
 * @throws XiaError `qmp-error`
 */
export async function lookAtDisks(source: QmpClient, destination: QmpClient, options: DiskOptions): Promise<DiskPlan> {
  const { mode = 'auto', sharedStorage = false } = options;
  if (sharedStorage && (mode === 'nbd' || mode === 'block')) {
    const what = `--shared-storage says that no disk is to be copied, and --disk ${mode} that they are`;
    return { method: 'none', pairs: [], left: [], needs: [], faults: [fault('plan', what, 'leave one of them out')] };
  }
  if (mode === 'none') return { method: 'none', pairs: [], left: [], needs: [], faults: [] };
  const [from, to] = await Promise.all([queryDisks(source), queryDisks(destination)]);
  const canBlock = mode === 'block' && (await hasBlock(source)) && (await hasBlock(destination));
  return planDisks({ mode, sharedStorage, source: from, destination: to, canBlock, look });
}

/**
 * The plan of a move that is about to begin.
 * @throws XiaError `refused` with every reason why the disks cannot move, `qmp-error`
 */
export async function checkDisks(source: QmpClient, destination: QmpClient, options: DiskOptions): Promise<DiskPlan> {
  const plan = await lookAtDisks(source, destination, options);
  const { faults } = plan;
  if (faults.length > 0) throw new XiaError('refused', faults.map(findingText).join('\n'), { faults });
  return plan;
}

async function hasBlock(qmp: QmpClient): Promise<boolean> {
  return (await queryMigrationCapabilities(qmp)).has('block');
}

/** What this machine's file system says about a pair: the state files of both sides are read here too. */
function look({ source, destination }: DiskPair): PairSurroundings {
  const [from, to] = [fileOf(source.storage), fileOf(destination.storage)];
  return {
    isSameFile: from === undefined || to === undefined ? undefined : from.identity === to.identity,
    room: to?.room,
  };
}

interface FileFacts {
  readonly identity: string;
  readonly room: Pick<DiskNeed, 'fileSystem' | 'freeBytes'> | undefined;
}

function fileOf(storage: DiskPair['source']['storage']): FileFacts | undefined {
  if (storage.kind !== 'local' || !storage.isAbsolute) return undefined;
  try {
    const stat = statSync(storage.path);
    if (stat.isBlockDevice()) return { identity: `device ${stat.rdev}`, room: undefined };
    const { bavail, bsize } = statfsSync(storage.path);
    return { identity: `${stat.dev}:${stat.ino}`, room: { fileSystem: String(stat.dev), freeBytes: bavail * bsize } };
  } catch {
    // Seen by QEMU and not by us: another user, or another mount namespace.
    return undefined;
  }
}
