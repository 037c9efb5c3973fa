import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Rivals } from '../../../tools/src/bench/rivals.js';
import { sshdConfig } from '../../../tools/src/bench/ssh-server.js';

const run = promisify(execFile);
const { signal } = new AbortController();

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
