import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openLog } from '../../../xia-core/src/app/logger.js';

it('writes JSON lines at once, and makes the folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xia-log-'));
  const file = join(folder, 'logs', 'R1.log');
  const { logger } = openLog({ name: 'R1', file });
  logger.debug('not at this level');
  logger.info({ face: 'up' }, 'attached');
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ name: 'R1', face: 'up', msg: 'attached', level: 30, pid: process.pid });
  await rm(folder, { recursive: true });
});
