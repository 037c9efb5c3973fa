import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../tools/src/bench-forwarding/report.js';
import { projectRoot } from '../../e2e/programs.js';

describe('npm run bench:forwarding', () => {
  it('--quick measures a real router beside the relays, and prints JSON alone', () => {
    const args = [join(projectRoot, 'tools', 'bootstrap.mjs'), 'bench:forwarding', '--quick', '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 });
    expect([status, stderr]).toEqual([0, '']);
    const { sections, versions } = JSON.parse(stdout) as Report;
    expect(versions['node']).toBe(process.versions.node);
    const value = (section: string, name: string) =>
      sections.find((one) => one.name.includes(section))?.figures.find((one) => one.name === name)?.value;
    expect(value('decisions', 'differences')).toBe(0);
    expect(value('sent singly', 'router, offload off, by CPU time')).toBeGreaterThan(0);
    expect(value('sent singly', 'relay, one by one, by CPU time')).toBeGreaterThan(0);
    expect(value('in runs', 'relay of runs, by CPU time')).toBeGreaterThan(0);
    expect(value('never hit', 'admit second-request, by CPU time')).toBeGreaterThan(0);
  });
});
