import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { usedCpu } from '../../../tools/src/bench/measure-move.js';
import { childrenCounted, parseCpu, readCpu } from '../../../tools/src/bench/process-cpu.js';
import { profilePid } from '../../../tools/src/bench/profiles.js';
import { Rivals } from '../../../tools/src/bench/rivals.js';
import { sshdConfig } from '../../../tools/src/bench/ssh-server.js';

const run = promisify(execFile);
const { signal } = new AbortController();

describe('processor time', () => {
  it('is read from a stat line, whatever the program is called', () => {
    const stat = '42 (a (b) c) S 1 42 42 0 -1 4194304 100 200 0 0 150 50 300 25 20 0 1 0 12345 1000 10';
    expect(parseCpu(stat)).toEqual({ own: 2, children: 3.25 });
  });

  it('counts children once they have ended', async () => {
    const before = await readCpu(process.pid);
    await run(process.execPath, ['-e', 'const end = Date.now() + 200; while (Date.now() < end);']);
    expect(await childrenCounted([process.pid], 5000)).toBe(true);
    expect((await readCpu(process.pid)).children - before.children).toBeGreaterThan(0.05);
    expect(await readCpu(undefined)).toEqual({ own: 0, children: 0 });
  });

  it('sees a child that has not', async () => {
    const child = execFile('sleep', ['30']);
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
    expect(usedCpu('xia', before, after)).toEqual({ qemu: 1.5, sender: 1, receiver: 0.25, routers: 3, hosts: 3, others: 0.5 });
  });
});

describe('the helpers of the other modes', () => {
  it('are there, or it is said why not, and leave nothing behind', async () => {
    const folders: string[] = [];
    const rivals = await Rivals.prepare(['tcp', 'sshGcm', 'tls'], signal);
    try {
      await look(rivals, folders);
    } finally {
      await rivals[Symbol.asyncDispose]();
    }
    for (const folder of folders) await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  async function look(rivals: Rivals, folders: string[]): Promise<void> {
    if (rivals.ssh === undefined) expect(rivals.missing.get('sshGcm')).toMatch(/./);
    else {
      const words = rivals.ssh.forward(1234, 'aes128-gcm@openssh.com');
      expect(words).toEqual(expect.arrayContaining(['-W', '127.0.0.1:1234']));
      folders.push(dirname(words[words.indexOf('-i') + 1]!));
      await access(folders[0]!);
    }
    if (rivals.tls === undefined) expect(rivals.missing.get('tls')).toMatch(/./);
    else {
      folders.push(rivals.tls.folder);
      const file = (name: string) => join(rivals.tls!.folder, name);
      for (const [end, purpose] of [
        ['server', 'sslserver'],
        ['client', 'sslclient'],
      ] as const) {
        const words = ['verify', '-CAfile', file('ca-cert.pem'), '-purpose', purpose, file(`${end}-cert.pem`)];
        expect((await run('openssl', words)).stdout).toMatch(/OK/);
      }
    }
    expect(rivals.missing.has('tcp')).toBe(false);
  }

  it('are reported when their programs are missing', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nonexistent';
    try {
      await using rivals = await Rivals.prepare(['socat', 'ssh', 'tls'], signal);
      expect([...rivals.missing.keys()].toSorted()).toEqual(['socat', 'ssh', 'tls']);
      expect(rivals.missing.get('tls')).toMatch(/openssl is not installed/);
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('give sshd no more than it needs', () => {
    expect(sshdConfig('/tmp/x', 2222)).toMatch(/^ListenAddress 127\.0\.0\.1$/m);
    expect(sshdConfig('/tmp/x', 2222)).toMatch(/^PasswordAuthentication no$/m);
  });
});

describe('a profile', () => {
  it('is known by the process in its name', () => {
    expect(profilePid('CPU.20261121.184424.29759.0.001.cpuprofile')).toBe(29_759);
    expect(profilePid('R1.CPU.20261121.184423.29734.0.001.cpuprofile')).toBeUndefined();
  });
});
