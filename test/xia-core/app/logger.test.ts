import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openLog } from '../../../xia-core/src/app/logger.js';

it('writes JSON lines at once, and makes the folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xia-log-'));
  const file = join(folder, 'logs', 'R1.log');
  const { logger } = await openLog({ name: 'R1', file });
  logger.debug('not at this level');
  logger.info({ face: 'up' }, 'attached');
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ name: 'R1', face: 'up', msg: 'attached', level: 30, pid: process.pid });
  await rm(folder, { recursive: true });
});

it('goes on in a file of the same name after that was renamed, or where it was when the other one cannot be opened', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xia-log-'));
  const file = join(folder, 'R1.log');
  const log = await openLog({ name: 'R1', file });
  const messages = async (path: string) => [...(await readFile(path, 'utf8')).matchAll(/"msg":"([^"]*)"/g)].map((match) => match[1]);
  log.logger.info('one');
  await rename(file, `${file}.1`);
  log.logger.info('two');
  log.reopen({ file });
  log.logger.info('three');
  log.logger.debug('not yet');
  expect(() => log.reopen({ file: folder })).toThrow(expect.objectContaining({ code: 'EISDIR' }));
  log.logger.info('four');
  log.reopen({ file: join(folder, 'other', 'R1.log'), level: 'debug' });
  log.logger.debug('five');
  expect(await messages(`${file}.1`)).toEqual(['one', 'two']);
  expect(await messages(file)).toEqual(['three', 'four']);
  expect(await messages(join(folder, 'other', 'R1.log'))).toEqual(['five']);
  await rm(folder, { recursive: true });
});
