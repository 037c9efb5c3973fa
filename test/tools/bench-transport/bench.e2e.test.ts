import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../tools/src/bench-forwarding/report.js';
import { projectRoot } from '../../e2e/programs.js';

describe('npm run bench:transport', () => {
  it('--quick carries chunks and streams through two real routers, compares every byte, and prints JSON alone', () => {
    const args = [join(projectRoot, 'tools', 'bootstrap.mjs'), 'bench:transport', '--quick', '--json', '--section', 'chunks', 'stream'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 });
    expect([status, stderr]).toEqual([0, '']);
    const { sections } = JSON.parse(stdout) as Report;
    const value = (name: string) => sections.flatMap(({ figures }) => figures).find((one) => one.name === name)?.value;
    for (const name of ['encrypted chunks', 'TCP through two socat', 'STREAM and TLS 1.3', 'STREAM without TLS']) {
      expect(value(name), name).toBeGreaterThan(0);
    }
    expect(sections.flatMap(({ notes }) => notes).filter((note) => !note.startsWith('every byte'))).toEqual([]);
  });
});
