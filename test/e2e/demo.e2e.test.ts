import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { processesNaming, projectRoot, start, temporaryFolder, until } from './programs.js';

const DEMO_TIMEOUT_MS = 240_000;

/** Starts it in a folder of its own. */
async function demo(...args: string[]) {
  const folder = await temporaryFolder();
  const started = start(process.execPath, [join(projectRoot, 'tools/bootstrap.mjs'), 'demo', '--run-dir', folder.path, ...args]);
  return { ...started, ...folder };
}

describe('the demo on real QEMU', () => {
  // The first half of ping-pong is the scenario inter-ad.
  it.for([
    ['intra-ad', 60],
    ['ping-pong', 200],
  ] as const)(
    'moves the VM, scenario %s, with %i MB to carry',
    { timeout: DEMO_TIMEOUT_MS },
    async ([scenario, megabytes], { expect, onTestFinished }) => {
      const { output, ended, path, remove } = await demo(
        '--scenario',
        scenario,
        '--memory-load',
        `${megabytes}`,
        '--old-address-after',
        '2000',
      );
      onTestFinished(remove);
      const code = await ended;
      expect(code, output()).toBe(0);
      const lastLine = output().trimEnd().split('\n').at(-1) ?? '';
      expect(lastLine).toBe(`report: ${join(path, 'report.json')}`);
      const report = JSON.parse(await readFile(join(path, 'report.json'), 'utf8'));
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
      expect(report.bytes).toBeGreaterThan(megabytes * 1e6);
      expect(report.stream.answers).toBeGreaterThan(10);
      expect(report.oldDag.answered).toBe(report.oldDag.sent);
      expect(report.checks.length).toBeGreaterThanOrEqual(7);
      expect(report.checks.filter(({ ok }: { ok: boolean }) => !ok)).toEqual([]);
      const html = await readFile(join(path, 'report.html'), 'utf8');
      expect(html).toContain('<svg');
      expect(html).not.toMatch(/(src|href)="https?:/);
      expect(await processesNaming(path)).toEqual([]);
    },
  );

  it('leaves nothing behind when it is interrupted', { timeout: DEMO_TIMEOUT_MS }, async ({ expect, onTestFinished }) => {
    const { child, output, ended, path, remove } = await demo();
    onTestFinished(remove);
    await until(() => output().includes('network inter-ad up'), 60_000, 'the network is up');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill('SIGINT');
    expect(await ended, output()).toBe(130);
    expect(await processesNaming(path)).toEqual([]);
    await expect(access(join(path, 'report.json'))).rejects.toThrow();
  });
});
