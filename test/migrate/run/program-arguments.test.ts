import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PrincipalType, Xid } from 'xia-core';
import type { RunMigrationOptions } from '../../../migrate/src/run/migration-plan.js';
import { receiveArguments, sendArguments } from '../../../migrate/src/run/program-arguments.js';

const side = (name: string) => ({
  qmp: `${name}.qmp`,
  host: '127.0.0.1:7001',
  stateDirectory: `state-${name}`,
  keyFile: `/keys/${name}.key`,
});
const options: RunMigrationOptions = { vm: 'vm1', xmigrate: ['xmigrate'], source: side('a'), destination: side('b') };
const after = (words: readonly string[], option: string) => words[words.indexOf(option) + 1];

describe('the command lines of the programs', () => {
  it.each([
    ['send', sendArguments(options, 'events/send.jsonl', 'RE AD:1'), 'a'],
    ['recv', receiveArguments(options, 'events/recv.jsonl'), 'b'],
  ])('name no path of %s that depends on the folder QEMU was started in', (program, words, name) => {
    expect(words.slice(0, 2)).toEqual(['xmigrate', program]);
    expect(after(words, '--state')).toBe(resolve(`state-${name}`));
    expect(after(words, '--events')).toBe(resolve(`events/${program}.jsonl`));
    expect(after(words, '--key')).toBe(`/keys/${name}.key`);
    expect(words).not.toContain('--host-control');
  });

  it('name the host that is to fence the guest, where both are known', () => {
    const guest = Xid.of(PrincipalType.HID, 'a'.repeat(40));
    const fenced = { ...options, guest, source: { ...options.source, control: 'a.ctl' } };
    const words = sendArguments(fenced, 'events/send.jsonl', 'RE AD:1');
    expect([after(words, '--host-control'), after(words, '--guest')]).toEqual([resolve('a.ctl'), guest.toString()]);
    expect(receiveArguments(fenced, 'events/recv.jsonl')).not.toContain('--guest');
  });

  it('give the secret to the source alone', () => {
    const secret = { ...options, secretFile: 'vm1.secret' };
    expect(after(sendArguments(secret, 'RE AD:1', 'events/send.jsonl'), '--secret')).toBe(resolve('vm1.secret'));
    expect(receiveArguments(secret, 'events/recv.jsonl')).not.toContain('--secret');
    expect(sendArguments(options, 'RE AD:1', 'events/send.jsonl')).not.toContain('--secret');
  });
});
