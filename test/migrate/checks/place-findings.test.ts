import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateIdentity, identityToPem } from 'xia-core';
import { findingText, placeFindings } from '../../../migrate/src/checks/index.js';
import { OwnershipFile } from '../../../migrate/src/state/index.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function places() {
  const folder = await temporaryFolder();
  const key = (name: string, mode: number) => {
    const file = join(folder, name);
    writeFileSync(file, identityToPem(generateIdentity()), { mode });
    chmodSync(file, mode);
    return file;
  };
  return { folder, key, a: { stateDirectory: join(folder, 'a') }, b: { stateDirectory: join(folder, 'deep', 'b') } };
}

describe('the check of the files of both sides', () => {
  it('makes nothing, and has nothing against folders that can be made', async () => {
    const { a, b, key } = await places();
    expect(await placeFindings('vm1', { ...a, keyFile: key('a.key', 0o600) }, b)).toEqual([]);
  });

  it('says every fault at once, each with its side', async () => {
    const { folder, a, key } = await places();
    writeFileSync(join(folder, 'file'), '');
    new OwnershipFile(a.stateDirectory, 'vm1').write({ role: 'source', phase: 'gone' });
    const bad = { stateDirectory: join(folder, 'file', 'b'), keyFile: join(folder, 'none.key') };
    const found = await placeFindings('vm1', { ...a, keyFile: key('open.key', 0o644) }, bad);
    const words = found.map((finding) => `${finding.level} ${findingText(finding)}`).join('\n');
    expect(words).toMatch(/warning source: others may use the key .*mode 0644.*chmod 600/);
    expect(words).toMatch(/fault destination: .*no directory|fault destination: .*ENOTDIR/);
    expect(words).toMatch(/fault destination: key .*none\.key/);
    expect(words).toMatch(/fault source: vm1 is not this host's to send/);
  });

  it('refuses one state directory for two sides, by whatever name', async () => {
    const { a } = await places();
    mkdirSync(a.stateDirectory);
    const found = await placeFindings('vm1', a, { stateDirectory: join(a.stateDirectory, '..', 'a') });
    expect(found.map(findingText)).toEqual([expect.stringContaining('same state directory')]);
  });
});
