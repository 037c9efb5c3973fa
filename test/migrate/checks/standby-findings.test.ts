import { linkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findingText, standbyFindings } from '../../../migrate/src/checks/index.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('says on which side nobody listens, and takes nobody who does', async () => {
  const folder = await temporaryFolder();
  const [there, dead] = [join(folder, 'there'), join(folder, 'dead')];
  let visits = 0;
  const server = createServer(() => void visits++);
  await new Promise<void>((resolve) => server.listen(there, resolve));
  onTestFinished(() => void server.close());
  expect(await standbyFindings({ standby: there }, {})).toEqual([]);

  // What a standby leaves behind that was killed.
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(join(folder, 'other'), resolve));
  linkSync(join(folder, 'other'), dead);
  await new Promise((resolve) => other.close(resolve));
  const found = await standbyFindings({ standby: join(folder, 'none') }, { standby: dead });
  expect(found.map(({ level }) => level)).toEqual(['fault', 'fault']);
  expect(found.map(findingText)).toEqual([
    expect.stringMatching(/^source: no standby answers at .*\/none: .*ENOENT.*xmigrate standby --socket .*\/none.*--source-standby/),
    expect.stringMatching(/^destination: no standby answers at .*\/dead: .*ECONNREFUSED.*--destination-standby/),
  ]);
  expect(visits).toBe(0);
});
