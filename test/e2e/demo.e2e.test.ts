import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processesNaming, projectRoot, start, temporaryFolder, until } from './programs.js';

const DEMO_TIMEOUT_MS = 240_000;

describe('the demo on real QEMU', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    await folder.remove();
  });

  const demo = (...args: string[]) =>
    start(process.execPath, [join(projectRoot, 'tools/bootstrap.mjs'), 'demo', '--run-dir', folder.path, ...args]);

  // The first half of ping-pong is the scenario inter-ad.
  it.each(['intra-ad', 'ping-pong'])(
    'moves the VM, scenario %s',
    async (scenario) => {
      const { output, ended } = demo('--scenario', scenario);
      const code = await ended;
      expect(code, output()).toBe(0);
      const lastLine = output().trimEnd().split('\n').at(-1) ?? '';
      expect(lastLine).toBe(`report: ${join(folder.path, 'report.json')}`);
      const report = JSON.parse(await readFile(join(folder.path, 'report.json'), 'utf8'));
      expect(report).toMatchObject({
        scenario,
        bytes: expect.any(Number),
        chunks: expect.any(Number),
        totalTimeMs: expect.any(Number),
        qemuDowntimeMs: expect.any(Number),
        xping: { intervalMs: 10, sent: expect.any(Number), lost: expect.any(Number), downtimeMs: expect.any(Number), deviationMs: 10 },
        stream: { wrong: 0, reconnects: 0 },
        phases: expect.arrayContaining([{ name: expect.any(String), atMs: expect.any(Number) }]),
        peakRssMb: expect.any(Object),
        versions: expect.any(Object),
      });
      // The filled memory cannot have been sent in less.
      expect(report.bytes).toBeGreaterThan(300e6);
      expect(report.stream.answers).toBeGreaterThan(10);
      expect(report.oldDag.answered).toBe(report.oldDag.sent);
      expect(report.checks.length).toBeGreaterThanOrEqual(7);
      expect(report.checks.filter(({ ok }: { ok: boolean }) => !ok)).toEqual([]);
      const html = await readFile(join(folder.path, 'report.html'), 'utf8');
      expect(html).toContain('<svg');
      expect(html).not.toMatch(/(src|href)="https?:/);
      expect(await processesNaming(folder.path)).toEqual([]);
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'leaves nothing behind when it is interrupted',
    async () => {
      const { child, output, ended } = demo();
      await until(() => output().includes('network inter-ad up'), 60_000, 'the network is up');
      await new Promise((resolve) => setTimeout(resolve, 1500));
      child.kill('SIGINT');
      expect(await ended, output()).toBe(130);
      expect(await processesNaming(folder.path)).toEqual([]);
      await expect(access(join(folder.path, 'report.json'))).rejects.toThrow();
    },
    DEMO_TIMEOUT_MS,
  );
});
