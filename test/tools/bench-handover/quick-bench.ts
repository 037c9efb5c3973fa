import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Report } from '../../../tools/src/bench-forwarding/report.js';
import { projectRoot } from '../../e2e/programs.js';

/** What one or more sections of the benchmark give in their quick form. */
export function bench(...sections: string[]): Report {
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

export function valueOf({ sections }: Report, section: string, figure: string): number | undefined {
  return sections.find(({ name }) => name.includes(section))?.figures.find(({ name }) => name.includes(figure))?.value;
}
