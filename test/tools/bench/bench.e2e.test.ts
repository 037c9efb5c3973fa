import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { BenchResult } from '../../../tools/src/bench/bench-result.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('one small round measures each mode, and says where its figures are', async () => {
  const runDir = await mkdtemp(join(tmpdir(), 'xia-test-'));
  onTestFinished(() => rm(runDir, { recursive: true, force: true }));
  const words = [
    '--json',
    '--quick',
    '--memory-load',
    '20',
    '--modes',
    'tcp',
    'tls',
    'xia',
    '--destination',
    'pre-faulted',
    '--run-dir',
    runDir,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, ['tools/bootstrap.mjs', 'bench', ...words], {
    cwd: root,
    maxBuffer: 1 << 24,
  });
  const { cases, failures, notMeasured, settings } = JSON.parse(stdout) as BenchResult;
  expect({ failures, notMeasured }).toEqual({ failures: [], notMeasured: {} });
  expect(settings['links']).toBe('unix');
  const [one] = cases;
  expect(Object.keys(one?.modes ?? {})).toEqual(['tcp', 'tls', 'xia']);
  expect(one?.modes.xia?.streamBytes).toBeGreaterThan(20e6);
  expect(one?.modes.xia?.fromRunMs).toBeGreaterThan(one?.modes.xia?.totalTimeMs ?? 0);
  expect(Object.keys(one?.modes.xia?.cpuParts ?? {})).toEqual(['qemu', 'sender', 'receiver', 'routers', 'hosts', 'others', 'standby']);
  for (const part of ['qemu', 'sender', 'receiver', 'routers', 'hosts']) expect(one?.modes.xia?.cpuParts[part]).toBeGreaterThan(0);
  expect(one?.ratios.tls?.totalTime).toBeGreaterThan(0);
  expect(await readdir(runDir)).toEqual(expect.arrayContaining(['bench.html', 'bench.json']));
});
