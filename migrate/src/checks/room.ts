import { fault, type Finding } from './finding.js';

/** What somebody is going to take of something that all share. */
export interface RoomNeed {
  /** A VM, or a disk of it. */
  readonly who: string;
  readonly bytes: number;
}

/** What a disk is going to take of a file system. */
export interface DiskNeed extends RoomNeed {
  /** Tells file systems apart. */
  readonly fileSystem: string;
  readonly freeBytes: number;
  /** The image, which says to people which file system it is. */
  readonly image: string;
}

const mb = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
const sum = (needs: readonly RoomNeed[]) => needs.reduce((bytes, need) => bytes + need.bytes, 0);

/** Who takes what, where more than one does. */
function shares(needs: readonly RoomNeed[]): string {
  const taking = needs.filter(({ bytes }) => bytes > 0);
  return taking.length < 2 ? '' : ` (${taking.map(({ who, bytes }) => `${who} ${mb(bytes)}`).join(', ')})`;
}

/** Whether a machine with so much free memory has room for guests that take so much more than their QEMUs hold already. */
export function memoryFindings(needs: readonly RoomNeed[], availableBytes: number): Finding[] {
  const takesBytes = sum(needs);
  if (takesBytes <= availableBytes) return [];
  const what = `its machine has ${mb(availableBytes)} of free memory, ${mb(takesBytes)} will be taken${shares(needs)}`;
  return [fault('destination', what, `free ${mb(takesBytes - availableBytes)} there, or move less`)];
}

/** Whether each file system has room for all that goes to it: a line for each that has not. */
export function diskRoomFindings(needs: readonly DiskNeed[]): Finding[] {
  return [...new Set(needs.map(({ fileSystem }) => fileSystem))].flatMap((fileSystem) => {
    const here = needs.filter((need) => need.fileSystem === fileSystem);
    const [bytes, freeBytes] = [sum(here), Math.min(...here.map((need) => need.freeBytes))];
    if (bytes <= freeBytes) return [];
    const first = here.find((need) => need.bytes > 0);
    const takers = shares(here) || ` (${first!.who})`;
    const what = `the file system of ${first!.image} has ${mb(freeBytes)} free, ${mb(bytes)} more will be taken${takers}`;
    return [fault('destination', what, `free ${mb(bytes - freeBytes)} there, or put an image elsewhere`)];
  });
}
