import { describe, expect, it } from 'vitest';
import { findingText, pairFindings, type MachineFacts } from '../../../migrate/src/checks/index.js';

const source: MachineFacts = {
  machine: 'pc-q35-7.2-machine',
  memoryBytes: 2 ** 30 + 65_536,
  processors: 2,
  cpuModel: 'max-x86_64-cpu',
  accelerator: 'tcg',
  version: { major: 7, minor: 2, micro: 22 },
  status: 'running',
  migration: 'none',
  blockers: [],
  capabilities: [],
};
const destination: MachineFacts = { ...source, status: 'inmigrate' };

describe('the check of a pair', () => {
  it('passes twins, a newer destination, a paused guest and one that failed to move before', () => {
    expect(pairFindings(source, destination)).toEqual([]);
    expect(pairFindings(source, { ...destination, version: { major: 8, minor: 0, micro: 0 } })).toEqual([]);
    expect(pairFindings({ ...source, status: 'paused', migration: 'failed' }, destination)).toEqual([]);
    expect(pairFindings({ ...source, capabilities: ['events', 'auto-converge'] }, destination)).toEqual([]);
  });

  it.each<[string, Partial<MachineFacts>, Partial<MachineFacts>, RegExp]>([
    ['memory', {}, { memoryBytes: 2 ** 29 }, /memory differs.*"-m" \(1048640K\)/],
    ['machine', {}, { machine: 'pc-i440fx-7.2-machine' }, /machines differ: pc-q35-7.2 and pc-i440fx-7.2; .*"-machine pc-q35-7.2"/],
    ['processors', {}, { processors: 1 }, /processors differ: 2 and 1/],
    ['processor models', {}, { cpuModel: 'qemu64-x86_64-cpu' }, /"-cpu max"/],
    ['accelerators', { accelerator: 'kvm' }, {}, /"-accel kvm"/],
    ['an older destination', {}, { version: { major: 7, minor: 1, micro: 0 } }, /older/],
    ['a destination that runs', {}, { status: 'running' }, /-incoming defer/],
    ['a source that has left', { status: 'postmigrate' }, {}, /postmigrate.*moved already/],
    ['a source that is on its way', { migration: 'active' }, {}, /migrating already/],
    ['a device that cannot move', { blockers: ['ivshmem is non-migratable'] }, {}, /ivshmem is non-migratable/],
    ['a capability that a command cannot carry', { capabilities: ['multifd'] }, {}, /^source: .*"multifd"/],
    ['a capability on one side', {}, { capabilities: ['x-ignore-shared'] }, /at the destination only/],
  ])('says what is wrong with %s', (_what, from, to, words) => {
    const found = pairFindings({ ...source, ...from }, { ...destination, ...to });
    expect(found).toHaveLength(1);
    expect(found[0]!.level).toBe('fault');
    expect(findingText(found[0]!)).toMatch(words);
  });

  it('warns of a size with which QEMU 7.2 loses writes without KVM', () => {
    const even = { memoryBytes: 2 ** 30 };
    const found = pairFindings({ ...source, ...even }, { ...destination, ...even });
    expect(found.map(({ level }) => level)).toEqual(['warning']);
    expect(findingText(found[0]!)).toContain('"-m 1048640K"');
    const newer = { ...even, version: { major: 8, minor: 0, micro: 0 } };
    expect(pairFindings({ ...source, ...newer }, { ...destination, ...newer })).toEqual([]);
    const kvm = { ...even, accelerator: 'kvm' } as const;
    expect(pairFindings({ ...source, ...kvm }, { ...destination, ...kvm })).toEqual([]);
  });

  it('says everything at once, and why a name without a release is not enough', () => {
    const other = {
      ...destination,
      machine: 'pc-q35-8.1-machine',
      version: { major: 8, minor: 1, micro: 0 },
      processors: 1,
      status: 'running',
    };
    const words = pairFindings(source, other).map(findingText);
    expect(words).toHaveLength(3);
    expect(words.join('\n')).toContain('another machine in each QEMU');
  });
});
