import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { freePorts } from '../../../tools/src/xtestbed/free-ports.js';
import { isRunning, peakRssMb, recordProcess, stopProcesses } from '../../../tools/src/xtestbed/processes.js';

async function start(script: string): Promise<{ pid: number; marker: string }> {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  return { pid: child.pid ?? 0, marker: script };
}

describe('processes', () => {
  it('are stopped, the stubborn ones too', async () => {
    const polite = await start("console.log('up'); setInterval(() => {}, 1000)");
    const stubborn = await start("process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)");
    const records = (await Promise.all([polite, stubborn].map(async ({ pid, marker }) => recordProcess('p', pid, marker)))).flatMap(
      (record) => record ?? [],
    );
    expect(records).toHaveLength(2);
    expect(await Promise.all(records.map(isRunning))).toEqual([true, true]);
    expect(await peakRssMb(polite.pid)).toBeGreaterThan(5);
    await stopProcesses(records, 300);
    expect(await Promise.all(records.map(isRunning))).toEqual([false, false]);
  });

  it('with a number that was taken over by another one are left alone', async () => {
    const other = await start("console.log('up'); setInterval(() => {}, 1000)");
    const record = await recordProcess('p', other.pid, other.marker);
    expect(record).toBeDefined();
    if (record === undefined) return;
    for (const imposter of [
      { ...record, startTicks: '1' },
      { ...record, marker: 'something else' },
    ]) {
      expect(await isRunning(imposter)).toBe(false);
      await stopProcesses([imposter], 50);
      expect(await isRunning(record)).toBe(true);
    }
    await stopProcesses([record]);
  });

  it('that are gone give undefined', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    expect(await recordProcess('p', child.pid ?? 0, 'true')).toBeUndefined();
    expect(await peakRssMb(child.pid ?? 0)).toBeUndefined();
  });
});

describe('freePorts', () => {
  it('are different and free', async () => {
    const ports = await freePorts(20);
    expect(new Set(ports).size).toBe(20);
    expect(ports.every((port) => port >= 20_000 && port < 32_000)).toBe(true);
  });
});
