import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { OwnershipFile } from '../../../migrate/src/state/index.js';
import { stateOf } from '../support/bare-machines.js';
import { RealPair } from './real-pair.js';
import { xmigrate, type Ended } from './xmigrate-process.js';

let pair: RealPair;

beforeEach(async () => {
  pair = await RealPair.start();
});

const phases = () => ['a', 'b'].map((end) => new OwnershipFile(pair.state(end as 'a' | 'b'), 'vm1').read()?.phase);

/** `send` and `recv` by hand, with the monitors of both QEMUs. */
async function move(a: string, b: string): Promise<{ source: Ended; destination: Ended }> {
  const [hostA, hostB] = pair.hosts;
  const common = (host: string, end: 'a' | 'b', qmp: string) => ['--vm', 'vm1', '--host', host, '--state', pair.state(end), '--qmp', qmp];
  const destination = xmigrate('recv', ...common(hostB, 'b', b));
  const to = await destination.said(/waiting for vm1 at (.*)\n/);
  const source = xmigrate('send', ...common(hostA, 'a', a), '--to', to);
  return { source: await source.ended, destination: await destination.ended };
}

describe('send and recv that drive QEMU themselves', () => {
  it('move the guest, and leave nothing behind', async () => {
    const before = new Set(readdirSync(tmpdir()));
    const [a, b] = await Promise.all([pair.machine('a'), pair.machine('b', ['-incoming', 'defer'])]);
    const { source, destination } = await move(a, b);
    expect([source.code, destination.code], source.text + destination.text).toEqual([0, 0]);
    expect([await stateOf(a), await stateOf(b)]).toEqual(['postmigrate', 'running']);
    expect(phases()).toEqual(['gone', 'running']);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('xmigrate-qemu-') && !before.has(name))).toEqual([]);
  });

  it.each([
    ['another machine type', ['-machine', 'q35']],
    ['too little memory', ['-m', '16']],
    ['a device less', [], ['-device', 'virtio-rng-pci']],
  ])('leave the guest running at the source when the destination has %s', async (_what, destinationWords, sourceWords: string[] = []) => {
    const [a, b] = await Promise.all([pair.machine('a', sourceWords), pair.machine('b', ['-incoming', 'defer', ...destinationWords])]);
    const { source, destination } = await move(a, b);
    expect(destination.text).toMatch(/vm1 did not come: .*(load|QEMU)/);
    expect(source.text).toMatch(/vm1 stays here: /);
    expect([source.code, destination.code]).toEqual([1, 1]);
    expect(await stateOf(a)).toBe('running');
    expect(await stateOf(b)).toBe('gone');
    expect(phases()).toEqual(['running', 'aborted']);
    expect(readFileSync(join(pair.state('a'), 'vm1.json'), 'utf8')).toContain('"reason"');
  });
});
