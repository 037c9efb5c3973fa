import { diskRoomFindings, fault, type DiskNeed, type Finding } from '../checks/index.js';
import type { DiskFacts } from './disk-facts.js';

/** How disks are asked to move. `auto` copies by `nbd` what is not shared, and asks for nothing where there is nothing to copy. */
export const diskModes = ['auto', 'none', 'nbd', 'block'] as const;
export type DiskMode = (typeof diskModes)[number];

/** A disk of the source and what stands for it at the destination. */
export interface DiskPair {
  readonly source: DiskFacts;
  readonly destination: DiskFacts;
}

/** What is known of a pair besides QEMU's words. */
export interface PairSurroundings {
  /** Whether both names lead to the very same file or device; undefined when that cannot be seen from here. */
  readonly isSameFile: boolean | undefined;
  /** Where the destination's image may grow, and by how much; undefined when that cannot be seen from here. */
  readonly room: Pick<DiskNeed, 'fileSystem' | 'freeBytes'> | undefined;
}

export interface DiskPlanInput {
  readonly mode: DiskMode;
  /** The operator says that every disk is on storage that both sites see. */
  readonly sharedStorage: boolean;
  readonly source: readonly DiskFacts[];
  readonly destination: readonly DiskFacts[];
  readonly look: (pair: DiskPair) => PairSurroundings;
  /** Whether both QEMUs have the migration capability `block`. */
  readonly canBlock: boolean;
}

/** What is going to happen to a machine's disks. */
export interface DiskPlan {
  readonly method: 'none' | 'nbd' | 'block';
  readonly pairs: readonly DiskPair[];
  /** Names of disks that are not copied, with the reason. */
  readonly left: readonly { readonly name: string; readonly reason: 'read-only' | 'shared' }[];
  /** What the copies take of the destination's file systems. */
  readonly needs: readonly DiskNeed[];
  /** Why the disks cannot move as asked; empty when they can. */
  readonly faults: readonly Finding[];
}

/** What a disk's copy has to carry before it is in step, at most, bytes: holes are not carried. */
export function copiedBytes({ source }: DiskPair): number {
  return source.allocatedBytes ?? source.sizeBytes;
}

/**
 * Decides which disks move, and how. Disks are matched by the guest's device, or else by name: a copy that went to another
 * device would be found out by the guest alone.
 */
export function planDisks(input: DiskPlanInput): DiskPlan {
  const { mode, sharedStorage, source, destination, look, canBlock } = input;
  const left: { name: string; reason: 'read-only' | 'shared' }[] = [];
  const faults: Finding[] = [];
  const pairs: DiskPair[] = [];
  const needs: DiskNeed[] = [];
  if (mode === 'none') return { method: 'none', pairs, left, needs, faults };
  for (const disk of source) {
    if (disk.isReadOnly) {
      left.push({ name: disk.name, reason: 'read-only' });
      continue;
    }
    if (sharedStorage && mode === 'auto') {
      left.push({ name: disk.name, reason: 'shared' });
      continue;
    }
    const counterpart = findCounterpart(disk, destination);
    if (counterpart === undefined) {
      faults.push(fault('destination', `it has no disk for ${disk.name} (${disk.qdev})`, 'give its machine the same devices'));
      continue;
    }
    const pair = { source: disk, destination: counterpart };
    const surroundings = look(pair);
    if (mode === 'auto' && isShared(pair, surroundings)) left.push({ name: disk.name, reason: 'shared' });
    else {
      const found = pairFaults(pair, surroundings);
      faults.push(...found);
      if (found.length > 0) continue;
      pairs.push(pair);
      if (surroundings.room !== undefined) needs.push({ ...surroundings.room, ...growthOf(pair) });
    }
  }
  const method = pairs.length === 0 ? 'none' : mode === 'block' ? 'block' : 'nbd';
  if (method === 'block') faults.push(...blockFaults(source, pairs, canBlock));
  faults.push(...diskRoomFindings(needs));
  return { method, pairs, left, needs, faults };
}

/** By how much the destination's image grows at most. */
function growthOf(pair: DiskPair): Pick<DiskNeed, 'who' | 'bytes' | 'image'> {
  const { source, destination } = pair;
  return { who: source.name, bytes: Math.max(0, copiedBytes(pair) - (destination.allocatedBytes ?? 0)), image: destination.filename };
}

/** The same device of the machine; a name that only one side gave does not count. */
function findCounterpart(disk: DiskFacts, others: readonly DiskFacts[]): DiskFacts | undefined {
  return (
    others.find(({ qdev }) => qdev === disk.qdev) ??
    others.find(({ device }) => device !== '' && device === disk.device) ??
    others.find(({ nodeName }) => !nodeName.startsWith('#') && nodeName !== '' && nodeName === disk.nodeName)
  );
}

function isShared({ source, destination }: DiskPair, { isSameFile }: PairSurroundings): boolean {
  const [from, to] = [source.storage, destination.storage];
  if (from.kind === 'local' && to.kind === 'local') return isSameFile === true;
  return from.kind === 'remote' && to.kind === 'remote' && from.location === to.location;
}

function pairFaults({ source, destination }: DiskPair, { isSameFile }: PairSurroundings): Finding[] {
  const faults: Finding[] = [];
  const { name } = source;
  const [from, to] = [source.storage, destination.storage];
  if (isSameFile === true) {
    const what = `${name} is the same file (${source.filename}), which cannot be copied onto itself`;
    faults.push(fault('both', what, 'use --disk auto or none'));
  }
  if (from.kind === 'local' && to.kind === 'local' && from.path === to.path && !(from.isAbsolute && to.isAbsolute)) {
    const what = `${name} is "${from.path}", and it cannot be told whether that is one file`;
    faults.push(fault('both', what, 'start QEMU with absolute paths, or say --shared-storage'));
  }
  if (from.kind === 'remote' && to.kind === 'remote' && from.location === to.location) {
    faults.push(fault('both', `${name} is ${source.filename}, which cannot be copied onto itself`, 'use --disk auto or none'));
  }
  if (destination.isReadOnly) faults.push(fault('destination', `${name} is read-only`, 'start its QEMU with a disk that can be written'));
  if (destination.nodeName === '' || source.nodeName === '') {
    faults.push(fault('both', `${name} has no block node to copy`, 'give the disk by -blockdev or -drive'));
  }
  if (source.sizeBytes !== destination.sizeBytes) {
    const than = destination.sizeBytes < source.sizeBytes ? 'smaller' : 'larger';
    const what = `${name} is ${than} there: ${destination.sizeBytes} bytes in place of ${source.sizeBytes}`;
    faults.push(fault('destination', what, "make it as large: a guest's disk does not change its size"));
  }
  return faults;
}

function blockFaults(source: readonly DiskFacts[], pairs: readonly DiskPair[], canBlock: boolean): Finding[] {
  const todo = 'use --disk nbd';
  if (!canBlock) return [fault('both', "QEMU's block migration is not in both QEMUs (it was removed in 9.1)", todo)];
  const faults: Finding[] = [];
  for (const { source: from, destination: to } of pairs) {
    if (from.device === '' || from.device !== to.device) {
      const what = `${from.name} needs a drive name that is the same on both sides for QEMU's block migration (-drive id=NAME)`;
      faults.push(fault('both', what, todo));
    }
  }
  // It copies all that can be written, whoever shares it.
  const writable = source.filter(({ isReadOnly }) => !isReadOnly);
  if (writable.length > pairs.length) {
    faults.push(fault('source', "QEMU's block migration copies every writable disk or none", todo));
  }
  return faults;
}
