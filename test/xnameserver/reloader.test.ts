import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLog } from 'xia-core';
import { configSchema, loadConfig } from '../../xnameserver/src/xnameserver/config.js';
import { Reloader, reloadRules } from '../../xnameserver/src/xnameserver/reloader.js';
import { temporaryFolder } from './support.js';

const BASE = 'host: 127.0.0.1:1\ndata: data\n';

async function reloader() {
  const folder = await temporaryFolder();
  const file = join(folder, 'names.yaml');
  const logged = async (name: string) =>
    (await readFile(join(folder, name), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
  const write = (text: string) => writeFile(file, `${BASE}${text}`);
  await write('log: { file: names.log }\n');
  const running = await loadConfig(file);
  const limits: number[] = [];
  const store = { limit: (records: number) => void limits.push(records) };
  const core = { limitRequests: (perSecond: number) => void limits.push(perSecond) };
  const log = await openLog({ name: 'names', ...running.log });
  return { reloader: new Reloader({ running, load: async () => loadConfig(file), store, core, log }), write, logged, limits };
}

describe('a name server that reads its configuration again', () => {
  it('takes limits and log over', async () => {
    const { reloader: server, write, logged, limits } = await reloader();
    await write('log: { file: other.log, level: debug }\nlimits: { records: 7 }\n');
    await server.reload();
    expect(limits).toEqual([7, 100]);
    expect(await logged('other.log')).toMatchObject([
      {
        msg: 'reloaded',
        changes: [
          expect.stringContaining('limits.records: 100000 -> 7'),
          expect.stringContaining('log.file'),
          'log.level: "info" -> "debug"',
        ],
      },
    ]);
  });

  it('refuses the rest, and a bad file, and changes nothing then', async () => {
    const { reloader: server, write, logged, limits } = await reloader();
    await write('name: other\nlog: { file: names.log }\nlimits: { records: 7 }\n');
    await server.reload();
    await write('colour: red\n');
    await server.reload();
    expect(limits).toEqual([]);
    expect(await logged('names.log')).toMatchObject([
      { msg: 'reload refused', code: 'refused', reason: 'name: this needs a restart' },
      { msg: 'reload refused', code: 'bad-config', reason: expect.stringContaining('names.yaml:3:1: colour: unknown key') },
    ]);
  });

  it('has a rule for every key', () => {
    const keys = Object.entries(configSchema.entries).flatMap(([key, schema]) => {
      const inner = 'wrapped' in schema && 'entries' in schema.wrapped ? Object.keys(schema.wrapped.entries) : [];
      return inner.length === 0 ? [key] : inner.map((name) => `${key}.${name}`);
    });
    expect(keys.toSorted()).toEqual(Object.keys(reloadRules).toSorted());
  });
});
