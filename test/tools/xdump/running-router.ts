import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadOrCreateIdentity, generateIdentity, PrincipalType, sealCertificate, xidOf } from 'xia-core';
import { binary } from '../../e2e/programs.js';

/** A real router process with one access face called `access`. */
export interface RunningRouter {
  readonly config: string;
  readonly control: string;
  /** Where applications attach. */
  readonly access: string;
  readonly process: ChildProcess;
}

/** Starts `xrouter run` with a configuration in a folder. */
export async function startRouterProcess(folder: string): Promise<RunningRouter> {
  const adIdentity = generateIdentity();
  const hid = xidOf(PrincipalType.HID, await loadOrCreateIdentity(join(folder, 'R.key')));
  const notAfter = Date.now() + 86_400_000;
  const certificate = sealCertificate({ ad: xidOf(PrincipalType.AD, adIdentity), hid, notBefore: 0, notAfter }, adIdentity);
  await writeFile(join(folder, 'R.cert'), Buffer.from(certificate).toString('base64'));
  const config = join(folder, 'R.yaml');
  await writeFile(
    config,
    `name: R
role: router
key: R.key
ad: { certificate: R.cert }
control: R.ctl
beacon: { intervalMs: 100, lifetimeMs: 1000 }
log: { file: R.log }
faces: [{ name: access, role: access, mtu: 65507, udp: { listen: '127.0.0.1:0' } }]
`,
  );
  const child = spawn(process.execPath, [binary('xrouter'), 'run', '-c', config], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const ready = JSON.parse(line) as { faces: Record<string, string> };
  return { config, control: join(folder, 'R.ctl'), access: ready.faces['access']!, process: child };
}

export async function stopRouterProcess({ process: child }: RunningRouter): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
