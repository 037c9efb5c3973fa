import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configFromOptions, loadConfig } from '../../xnameserver/src/xnameserver/config.js';
import { sampleConfig } from '../../xnameserver/src/xnameserver/sample.js';
import { temporaryFolder } from './support.js';

async function configFile(text: string): Promise<{ folder: string; file: string }> {
  const folder = await temporaryFolder();
  const file = join(folder, 'names.yaml');
  await writeFile(file, text);
  return { folder, file };
}

describe('the configuration', () => {
  it('is what the sample says, with its paths beside the file', async () => {
    const { folder, file } = await configFile(sampleConfig);
    expect(await loadConfig(file)).toEqual({
      name: 'nameserver',
      host: '127.0.0.1:7302',
      key: join(folder, 'keys/nameserver.key'),
      trust: undefined,
      data: join(folder, 'data/nameserver'),
      control: join(folder, 'run/nameserver.ctl'),
      attachTimeoutMs: 10_000,
      limits: { records: 100_000, requestsPerSecond: 100 },
      log: { level: 'info', file: join(folder, 'logs/nameserver.log') },
    });
  });

  it('needs no more than a host and a place for the records', async () => {
    const { folder, file } = await configFile('host: "[::1]:7302"\ndata: names\n');
    expect(await loadConfig(file)).toMatchObject({ key: join(folder, 'names/nameserver.key'), control: join(folder, 'xnameserver.ctl') });
  });

  it('attaches by a UNIX socket beside the file, or where the command line was given', async () => {
    const { folder, file } = await configFile('host: unix:run/host.sock\ndata: names\n');
    expect(await loadConfig(file)).toMatchObject({ host: `unix:${join(folder, 'run/host.sock')}` });
    expect(configFromOptions({ host: 'unix:/host.sock', data: '/tmp/d' })).toMatchObject({ host: 'unix:/host.sock' });
  });

  it('gives way to the command line', async () => {
    const { file } = await configFile(sampleConfig);
    const config = await loadConfig(file, { host: '127.0.0.1:1', data: '/tmp/d', control: '/tmp/c', attachTimeout: 5 });
    expect(config).toMatchObject({ host: '127.0.0.1:1', data: '/tmp/d', control: '/tmp/c', attachTimeoutMs: 5 });
  });

  it('says where it is wrong', async () => {
    const { file } = await configFile('host: nowhere\ndata: names\ntrust: ["HID:0000000000000000000000000000000000000001"]\ncolour: red\n');
    await expect(loadConfig(file)).rejects.toMatchObject({
      code: 'bad-config',
      message: expect.stringMatching(/names\.yaml:1:7: host: .*\n?[^]*trust[^]*names\.yaml:4:1: colour: unknown key/),
    });
  });

  it('can come from the command line alone', () => {
    expect(configFromOptions({ host: '127.0.0.1:1', data: '/tmp/d' })).toMatchObject({ key: '/tmp/d/nameserver.key' });
    expect(() => configFromOptions({ data: '/tmp/d' })).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => configFromOptions({ host: '127.0.0.1:1' })).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => configFromOptions({ host: 'x', data: '/tmp/d' })).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
  });
});
