import { diskRoomFindings, memoryFindings, type DiskNeed, type Finding } from '../checks/index.js';

/** What one VM of a group takes where it goes. */
export interface GroupNeed {
  readonly vm: string;
  /** Of the memory; undefined when its destination's QEMU is not seen from here. */
  readonly takesBytes: number | undefined;
  readonly disks: readonly DiskNeed[];
}

/**
 * Whether all VMs of a group find room together, where each may find it alone: a line for the memory and one for each file system that
 * is too small. What is too small for one VM alone was said of that one.
 */
export function groupRoomFindings(group: readonly GroupNeed[], availableBytes: number): Finding[] {
  if (group.length < 2) return [];
  const memory = group.map(({ vm, takesBytes = 0 }) => ({ who: vm, bytes: takesBytes }));
  const images = group.flatMap(({ vm, disks }) => disks.map((need) => ({ ...need, who: `${vm}/${need.who}` })));
  return [...memoryFindings(memory, availableBytes), ...diskRoomFindings(images)];
}
