import { copiedBytes, type DiskPlan, type DiskProgress, type DiskResult } from '../disk/index.js';
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

/** What would become of the disks, such as `disk0: 64.0 MB at most, by nbd, to /b.img; disk1: left, read-only`; empty when there are none. */
export function diskPlanWords({ method, pairs, left }: DiskPlan): string {
  const copied = pairs.map(
    (pair) => `${pair.source.name}: at most ${megabytes(copiedBytes(pair))} MB by ${method} to ${pair.destination.filename}`,
  );
  return [...copied, ...left.map(({ name, reason }) => `${name}: left, ${reason}`)].join('; ');
}
