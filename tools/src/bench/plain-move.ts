import { setTimeout as delay } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import {
  execUri,
  followMigration,
  migrateIn,
  setMigrationCapabilities,
  setMigrationLimits,
  type MigrationProgress,
  type QmpClient,
} from 'xmigrate';
import type { PlacedVm } from '../lab/index.js';
import { freeTcpPort } from './free-tcp-port.js';
import type { BenchMode, XiaMode } from './modes.js';
import type { Rivals } from './rivals.js';
import { TLS_HOST_NAME } from './tls-certificates.js';

/** Time for the destination to be listening before its peer connects. */
const LISTEN_MS = 400;
const MULTIFD_CHANNELS = 2;
const SSH_CIPHERS: Readonly<Record<'ssh' | 'sshGcm', string | undefined>> = { ssh: undefined, sshGcm: 'aes128-gcm@openssh.com' };

/** No shell stays between QEMU and the program. */
const exec = (words: readonly string[]) => execUri(['exec', ...words]);

interface Route {
  readonly incoming: string;
  readonly outgoing: string;
}

function route(mode: Exclude<BenchMode, XiaMode>, port: number, ssh: Rivals['ssh']): Route {
  const tcp = `tcp:127.0.0.1:${port}`;
  switch (mode) {
    case 'tcp':
    case 'multifd':
    case 'tls':
      return { incoming: tcp, outgoing: tcp };
    case 'socat':
      return {
        incoming: exec(['socat', '-u', `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr`, '-']),
        outgoing: exec(['socat', '-u', '-', `TCP:127.0.0.1:${port},retry=100,interval=0.02`]),
      };
    case 'ssh':
    case 'sshGcm':
      if (ssh === undefined) throw new XiaError('testbed-failed', 'there is no sshd');
      return { incoming: tcp, outgoing: exec(ssh.forward(port, SSH_CIPHERS[mode])) };
  }
}

/** Says what a QEMU is to use for the next move, and what it is not: it may have come here by another mode. */
export async function setTransport(qmp: QmpClient, end: 'client' | 'server', mode: BenchMode, rivals: Rivals): Promise<void> {
  await setMigrationCapabilities(qmp, { events: true, multifd: mode === 'multifd' });
  if (mode === 'multifd') await qmp.execute('migrate-set-parameters', { 'multifd-channels': MULTIFD_CHANNELS });
  const id = `bench-tls-${end}`;
  if (mode === 'tls') {
    if (rivals.tls === undefined) throw new XiaError('testbed-failed', 'there are no certificates');
    // There is one already when an earlier move from here failed.
    await qmp.execute('object-del', { id }).catch(() => undefined);
    const object = { 'qom-type': 'tls-creds-x509', id, endpoint: end, dir: rivals.tls.folder, 'verify-peer': true };
    await qmp.execute('object-add', object);
  }
  const names = mode === 'tls' ? { 'tls-creds': id, 'tls-hostname': TLS_HOST_NAME } : { 'tls-creds': '', 'tls-hostname': '' };
  await qmp.execute('migrate-set-parameters', names);
}

/**
 * Moves the guest by QEMU's own means, over the loopback interface. Nobody guards it: this is what XIA is compared with.
 * @throws XiaError `qmp-error` when the move fails
 */
export async function plainMove(
  mode: Exclude<BenchMode, XiaMode>,
  vm: PlacedVm,
  destination: PlacedVm,
  { rivals, downtimeLimitMs, signal }: { rivals: Pick<Rivals, 'ssh'>; downtimeLimitMs: number; signal: AbortSignal },
): Promise<MigrationProgress> {
  const source = vm.qemu.qmp;
  const { incoming, outgoing } = route(mode, await freeTcpPort(), rivals.ssh);
  await migrateIn(destination.qemu.qmp, incoming, signal);
  await delay(LISTEN_MS, undefined, { signal });
  await setMigrationLimits(source, { downtimeLimitMs }, signal);
  await source.execute('migrate', { uri: outgoing }, { signal });
  const outcome = await followMigration(source, { signal });
  if (outcome.status !== 'completed') throw new XiaError('qmp-error', `the migration ${outcome.status}: ${outcome.reason}`);
  return outcome.progress;
}
