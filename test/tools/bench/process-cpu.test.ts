import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { usedCpu } from '../../../tools/src/bench/measure-move.js';
import { childrenCounted, parseCpu, readCpu } from '../../../tools/src/bench/process-cpu.js';

describe('processor time', () => {
  it('is read from a stat line, whatever the program is called', () => {
    const stat = '42 (a (b) c) S 1 42 42 0 -1 4194304 100 200 0 0 150 50 300 25 20 0 1 0 12345 1000 10';
    expect(parseCpu(stat)).toEqual({ own: 2, children: 3.25 });
  });

  it('counts children once they have ended', async () => {
    // A parent of our own: this process has children of other tests.
    const work = 'const end = process.cpuUsage().user + 200000; while (process.cpuUsage().user < end);';
    const parent = spawn('sh', ['-c', `"$0" -e "$1" & echo begun; wait; echo done; read line`, process.execPath, work]);
    try {
      await once(parent.stdout, 'data');
      expect(await childrenCounted([parent.pid!], 50)).toBe(false);
      await once(parent.stdout, 'data');
      expect(await childrenCounted([parent.pid!], 5000)).toBe(true);
      expect((await readCpu(parent.pid)).children).toBeGreaterThan(0.05);
    } finally {
      parent.kill();
    }
    expect(await readCpu(undefined)).toEqual({ own: 0, children: 0 });
  });

  it('sees a child that has not', async () => {
    const child = spawn('sleep', ['30']);
    try {
      expect(await childrenCounted([process.pid], 50)).toBe(false);
    } finally {
      child.kill();
    }
  });

  it('is told apart by what used it', () => {
    const before = new Map([['source', { own: 1, children: 2 }]]);
    const after = new Map([
      ['source', { own: 2, children: 3 }],
      ['destination', { own: 0.5, children: 0.25 }],
      ['sshd', { own: 0, children: 0.125 }],
      ['router/R1', { own: 1, children: 0 }],
      ['router/R2', { own: 2, children: 0 }],
      ['host/HOST_A', { own: 3, children: 0 }],
      ['nameserver/NS', { own: 0.5, children: 0 }],
    ]);
    expect(usedCpu('tcp', before, after)).toEqual({ qemu: 1.5 });
    expect(usedCpu('socat', before, after)).toEqual({ qemu: 1.5, 'socat out': 1, 'socat in': 0.25 });
    expect(usedCpu('ssh', before, after)).toEqual({ qemu: 1.5, ssh: 1, sshd: 0.13 });
    expect(usedCpu('xia', before, after, { sender: 1, receiver: 0.25 })).toEqual({
      qemu: 1.5,
      sender: 1,
      receiver: 0.25,
      routers: 3,
      hosts: 3,
      others: 0.5,
    });
    // What the workers did beside the two programs.
    const kept = new Map([...after, ['standby/HOST_A', { own: 1, children: 0 }], ['standby/HOST_B', { own: 0.5, children: 0 }]]);
    expect(usedCpu('xia', before, kept, { sender: 1, receiver: 0.25 })).toMatchObject({ sender: 1, receiver: 0.25, standby: 0.25 });
    expect(usedCpu('xia', before, kept, { sender: 1, receiver: 0.75 })).toMatchObject({ standby: 0 });
  });
});
