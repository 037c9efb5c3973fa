import { afterAll, beforeAll, expect, it } from 'vitest';
import { KillBed, processesNaming } from './bed.js';
import { tryKill } from './kill-case.js';
import type { KillCase } from './matrix.js';
import { KillMove } from './move.js';

let starting: Promise<KillBed>;
let bed: KillBed;

beforeAll(async () => {
  starting = KillBed.start();
  bed = await starting;
});

// Also of a network that took too long to come up.
afterAll(async () => (await starting).stop());

it('leaves one whole copy of the guest running, whichever process of a move is killed', async () => {
  // They do not touch the network, so that one does for all.
  const cases: (KillCase & { readonly end?: string })[] = [
    { way: 'run', victim: 'recv', moment: 'first', outageMs: Infinity, end: 'source' },
    { way: 'run', victim: 'destination-qemu', moment: 'done', outageMs: Infinity, end: 'source' },
    // Its COMMITTED may have left by then or not; what the destination has written says which.
    { way: 'run', victim: 'send', moment: 'commit', outageMs: Infinity },
    // What it had is at the destination by then.
    { way: 'run', victim: 'source-qemu', moment: 'commit', outageMs: Infinity, end: 'destination' },
  ];
  const results = await Promise.all(cases.map(({ end: _end, ...kill }) => tryKill(bed, kill)));
  for (const [index, result] of results.entries()) {
    const written = result.phases[1].split('/')[1];
    expect(['running', 'aborted'].includes(written ?? ''), result.phases[1]).toBe(true);
    const decided = written === 'running' ? 'destination' : 'source';
    expect(result).toMatchObject({ end: cases[index]!.end ?? decided, faults: [] });
  }
});

it('goes on when the link or a router has been away for a second', async () => {
  expect(await tryKill(bed, { way: 'run', victim: 'link', moment: 'last', outageMs: 1_000 })).toMatchObject({
    end: 'destination',
    faults: [],
  });
  const restarted = await tryKill(bed, { way: 'run', victim: 'R1', moment: 'middle', outageMs: 1_000 });
  expect(restarted).toMatchObject({ faults: [] });
});

it('leaves nothing behind of a case that was still under way when its time was over', async () => {
  await bed.kill('R2');
  const restart = bed.restart('R2');
  const move = KillMove.start(bed, 'run');
  await Promise.all([bed.stop(), restart, move.catch(() => undefined)]);
  expect(processesNaming(bed.folder)).toEqual([]);
  await expect(KillMove.start(bed, 'run')).rejects.toThrow('stopped');
  await expect(bed.restart('R2')).rejects.toThrow('stopped');
  expect(processesNaming(bed.folder)).toEqual([]);
});
