import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../tools/src/bench-forwarding/report.js';
import { projectRoot } from '../../e2e/programs.js';

function bench(...sections: string[]): Report {
  const runDir = mkdtempSync(join(tmpdir(), 'xia-handover-'));
  try {
    const options = ['--quick', '--json', '--rounds', '1', '--run-dir', runDir, '--section', ...sections];
    const args = [join(projectRoot, 'tools', 'bootstrap.mjs'), 'bench:handover', ...options];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 280_000 });
    expect([status, stderr]).toEqual([0, '']);
    return JSON.parse(stdout) as Report;
  } finally {
    rmSync(runDir, { recursive: true, force: true });
  }
}

function valueOf({ sections }: Report, section: string, figure: string): number | undefined {
  return sections.find(({ name }) => name.includes(section))?.figures.find(({ name }) => name.includes(figure))?.value;
}

describe('npm run bench:handover', () => {
  it('--quick moves a real guest, and sees each step of the handover', () => {
    const report = bench('handover');
    const value = (figure: string) => valueOf(report, 'moves by xmigrate', figure);
    const paused = value('STOP to RESUME');
    expect(paused).toBeGreaterThan(0);
    expect(value('to the first packet delivered')).toBeGreaterThan(-1000);
    expect(value("to the gateway's ack")).toBeGreaterThan(-1000);
    expect(value('to the announcement')).toBeGreaterThan(-1000);
    // The client has heard nothing for as long as the guest ran nowhere; a capture's stamps and an xping's are ms.
    expect(value('gap at the client')).toBeGreaterThan((paused ?? 0) - 20);
  });

  it('--quick moves nodes from one router process to another', () => {
    const report = bench('scale');
    const value = (figure: string) => valueOf(report, 'at one router process', figure);
    expect([value('renewed'), value('at the first router'), value('at the second router'), value('was nowhere')]).toEqual([40, 32, 8, 0]);
    expect(valueOf(report, 'route flip', 'a binding')).toBeGreaterThan(0);
    expect(valueOf(report, 'route flip', 'a patch')).toBeGreaterThan(0);
  });
});
