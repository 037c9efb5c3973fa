import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from 'xmigrate';
import { freeTcpPort } from './free-tcp-port.js';
import { runProgram } from './run-program.js';

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** Root's sshd insists on it, also where it is not installed as a service. */
const PRIVILEGE_FOLDER = '/run/sshd';

/** What sshd is told: our files only, keys only, and to carry connections to this machine itself. */
export function sshdConfig(folder: string, port: number): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${folder}/host-key
AuthorizedKeysFile ${folder}/authorized-keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding local
PermitOpen 127.0.0.1:*
X11Forwarding no
`;
}

/** A loopback sshd of our own with keys of its own, and no trace in the user's files. */
export class SshServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(port: number, folder: string, child: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Starts one and logs in once. @throws Error that says why that does not work here */
  static async start(signal: AbortSignal): Promise<SshServer> {
    const sshd = (await findProgram('sshd')) ?? (await findProgram('/usr/sbin/sshd'));
    if (sshd === undefined) throw new Error('sshd is not installed (apt-get install openssh-server)');
    if ((await findProgram('ssh')) === undefined) throw new Error('ssh is not installed (apt-get install openssh-client)');
    // Made by mkdtemp, so that nobody else can read it.
    const folder = await mkdtemp(join(tmpdir(), 'xbench-ssh-'));
    let server: SshServer | undefined;
    try {
      for (const name of ['host-key', 'user-key'])
        await runProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)], signal);
      await copyFile(join(folder, 'user-key.pub'), join(folder, 'authorized-keys'));
      const port = await freeTcpPort();
      await writeFile(join(folder, 'known-hosts'), `[127.0.0.1]:${port} ${await readFile(join(folder, 'host-key.pub'), 'utf8')}`);
      await writeFile(join(folder, 'config'), sshdConfig(folder, port));
      server = new SshServer(port, folder, await spawnServer(sshd, folder));
      await server.#login(signal);
      return server;
    } catch (error) {
      if (server === undefined) await rm(folder, { recursive: true, force: true });
      else await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The words of a client that carries its standard input to a port of this machine, by no program but sshd itself. */
  forward(port: number, cipher: string | undefined): string[] {
    const words = cipher === undefined ? [] : ['-c', cipher];
    return ['ssh', ...words, '-W', `127.0.0.1:${port}`, ...this.#client()];
  }

  /** Options of a client, and where it logs in. */
  #client(): string[] {
    const options = ['IdentitiesOnly=yes', 'BatchMode=yes', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${this.#folder}/known-hosts`];
    const words = ['-F', 'none', '-q', '-p', String(this.port), '-i', join(this.#folder, 'user-key'), '-l', userInfo().username];
    return [...words, ...options.flatMap((option) => ['-o', option]), '127.0.0.1'];
  }

  async #login(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await runProgram('ssh', [...this.#client(), 'true'], signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        const said = (await readFile(join(this.#folder, 'log'), 'utf8').catch(() => '')).trim().split('\n').at(-1);
        if (this.#child.exitCode !== null || performance.now() > deadline)
          throw new Error(`nobody can log in to a loopback sshd: ${said || String(error)}`, { cause: error });
        await delay(POLL_MS);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await gone;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** It dies with us, as our QEMUs do. */
async function spawnServer(sshd: string, folder: string): Promise<ChildProcess> {
  let words = [sshd, '-D', '-f', join(folder, 'config'), '-E', join(folder, 'log')];
  const isComplete = await access(PRIVILEGE_FOLDER).then(
    () => true,
    () => false,
  );
  // Not made where others would see it: in a mount namespace that only this sshd is in.
  if (userInfo().uid === 0 && !isComplete) {
    const script = `mount -t tmpfs tmpfs /run && mkdir -m 755 ${PRIVILEGE_FOLDER} && exec "$0" "$@"`;
    words = ['unshare', '--mount', 'sh', '-c', script, ...words];
  }
  if ((await findProgram('setpriv')) !== undefined) words = ['setpriv', '--pdeathsig', 'KILL', '--', ...words];
  const [program = '', ...args] = words;
  const child = spawn(program, args, { stdio: 'ignore' });
  child.on('error', () => undefined);
  return child;
}
