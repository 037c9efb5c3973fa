import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { availableMemoryBytes, findingText, memoryFindings, socketOwner } from '../../../migrate/src/checks/index.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('knows who listens on a socket, and how much memory that one holds', async () => {
  const path = join(await temporaryFolder(), 'some socket');
  expect(await socketOwner(path)).toBeUndefined();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const owner = await socketOwner(path);
  server.close();
  expect(owner).toMatchObject({ pid: process.pid });
  expect(owner?.residentBytes).toBeGreaterThan(1e6);
  expect(owner?.residentBytes).toBeLessThan(process.memoryUsage().rss * 2);
  expect(await availableMemoryBytes()).toBeGreaterThan(1e6);
});

it('counts what is still to come against what is free', () => {
  expect(memoryFindings([{ who: 'vm1', bytes: 1e9 }], 1e9)).toEqual([]);
  expect(memoryFindings([{ who: 'vm1', bytes: 3e9 }], 1e9).map(findingText)).toEqual([
    expect.stringMatching(/1000 MB of free memory, 3000 MB.*free 2000 MB/),
  ]);
});
