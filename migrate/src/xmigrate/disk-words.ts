import type { DiskProgress, DiskResult } from '../disk/index.js';
import { megabytes } from './byte-size.js';

/** How the disks are doing in one line, such as `disk0 64.0 of 128.0 MB, 40.1 MB/s, 2 s left`; empty when none is being copied. */
export function diskProgressWords(disks: readonly DiskProgress[]): string {
  return disks
    .filter(({ state }) => state === 'copying')
    .map(({ name, doneBytes, totalBytes, bytesPerSecond, etaMs }) => {
      const left = etaMs === undefined ? '' : `, ${Math.ceil(etaMs / 1000)} s left`;
      return `${name} ${megabytes(doneBytes)} of ${megabytes(totalBytes)} MB, ${megabytes(bytesPerSecond)} MB/s${left}`;
    })
    .join('; ');
}

/** What became of the disks that were copied; empty when there were none. */
export function diskResultWords(disks: readonly DiskResult[]): string {
  return disks
    .filter(({ outcome }) => outcome === 'copied')
    .map(({ name, bytes, timeMs, method }) => `, with ${name} (${megabytes(bytes)} MB by ${method} in ${(timeMs / 1000).toFixed(2)} s)`)
    .join('');
}
