import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { generateIdentity, Hangups, loadOrCreateIdentity, PrincipalType, sealCertificate, xidOf, type NodeIdentity } from 'xia-core';
import { loadNodeConfig } from '../../xrouter/src/xrouter/config.js';
import { runDaemon, type ReadyLine } from '../../xrouter/src/xrouter/daemon.js';
import { temporaryFolder } from './support.js';

export interface RunningRouter {
  readonly line: ReadyLine;
  readonly folder: string;
  readonly file: string;
  readonly hangups: Hangups;
  /** Writes another configuration of the same router, or whatever text. */
  configure(more: string): Promise<void>;
  /** Writes another certificate, of this AD or another one. */
  certify(adIdentity: NodeIdentity, notAfter: number): Promise<void>;
  readonly adIdentity: NodeIdentity;
  /** Lines of the log with that message. */
  logged(message: string): Promise<Record<string, unknown>[]>;
}

/**
 * Runs a router with that much more in its configuration, and ends it after the test.
 * @param onStarting called before it is ready
 */
export async function startRouter(more: string, onStarting: (hangups: Hangups) => void = () => {}): Promise<RunningRouter> {
  const folder = await temporaryFolder();
  const adIdentity = generateIdentity();
  const hid = xidOf(PrincipalType.HID, await loadOrCreateIdentity(join(folder, 'R.key')));
  const file = join(folder, 'R.yaml');
  const certify = async (by: NodeIdentity, notAfter: number) => {
    const certificate = sealCertificate({ ad: xidOf(PrincipalType.AD, by), hid, notBefore: 0, notAfter }, by);
    await writeFile(join(folder, 'R.cert'), Buffer.from(certificate).toString('base64'));
  };
  const configure = async (text: string) => {
    const log = text.includes('log:') ? '' : 'log: { file: R.log }\n';
    await writeFile(file, `name: R\nrole: router\nkey: R.key\nad: { certificate: R.cert }\n${log}${text}`);
  };
  const logged = async (message: string) => {
    const lines = (await readFile(join(folder, 'R.log'), 'utf8')).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === message);
  };
  await certify(adIdentity, Date.now() + 86_400_000);
  await configure(more);
  const stopper = new AbortController();
  let running: Promise<void> = Promise.resolve();
  onTestFinished(async () => {
    stopper.abort();
    await running;
  });
  const config = await loadNodeConfig(file);
  const hangups = new Hangups();
  const line = await new Promise<ReadyLine>((resolve, reject) => {
    running = runDaemon(config, stopper.signal, resolve, { file, hangups });
    running.catch(reject);
    onStarting(hangups);
  });
  return { line, folder, file, hangups, configure, certify, adIdentity, logged };
}

/** A socket that is nobody's face, for a neighbour of a router. */
export async function bareSocket(): Promise<{ socket: ReturnType<typeof createSocket>; address: string }> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 }).bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { socket, address: `127.0.0.1:${socket.address().port}` };
}

/** Waits until something holds, and says what did not. */
export async function until(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
