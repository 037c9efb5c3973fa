import { createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import { execUri, migrateIn, migrateOut, setMigrationCapabilities } from 'xmigrate';
import type { PlacedVm } from '../lab/index.js';

export interface PlainMove {
  readonly totalTimeMs: number;
  readonly downtimeMs: number;
  readonly bytes: number;
}

/** Time for socat to be listening before its peer connects; the peer tries again if this was too short. */
const LISTEN_MS = 400;
const RESUME_TIMEOUT_MS = 60_000;

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function uris(mode: 'tcp' | 'execSocat', port: number): { incoming: string; outgoing: string } {
  if (mode === 'tcp') return { incoming: `tcp:127.0.0.1:${port}`, outgoing: `tcp:127.0.0.1:${port}` };
  return {
    incoming: execUri(['socat', '-u', `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr`, '-']),
    outgoing: execUri(['socat', '-u', '-', `TCP:127.0.0.1:${port},retry=100,interval=0.02`]),
  };
}

/**
 * Moves the guest by QEMU's own means, over the underlay. Nobody guards it: this is what XIA is compared with.
 * @throws XiaError `qmp-error` when the move fails
 */
export async function plainMove(
  mode: 'tcp' | 'execSocat',
  vm: PlacedVm,
  destination: PlacedVm,
  { downtimeLimitMs, signal }: { downtimeLimitMs: number; signal: AbortSignal },
): Promise<PlainMove> {
  const { incoming, outgoing } = uris(mode, await freeTcpPort());
  const target = destination.qemu.qmp;
  let resumedAtMs: number | undefined;
  const onEvent = ({ event }: { readonly event: string }) => {
    if (event === 'RESUME') resumedAtMs ??= performance.now();
  };
  target.on('event', onEvent);
  try {
    await setMigrationCapabilities(vm.qemu.qmp, { events: true }, signal);
    await migrateIn(target, incoming, signal);
    await delay(LISTEN_MS, undefined, { signal });
    const startedAtMs = performance.now();
    const outcome = await migrateOut(vm.qemu.qmp, { uri: outgoing, downtimeLimitMs, signal });
    if (outcome.status !== 'completed') throw new XiaError('qmp-error', `${mode}: the migration ${outcome.status}: ${outcome.reason}`);
    const deadline = performance.now() + RESUME_TIMEOUT_MS;
    while (resumedAtMs === undefined) {
      signal.throwIfAborted();
      if (performance.now() > deadline || target.closed)
        throw new XiaError('qmp-error', `${mode}: the guest does not run at ${destination.host}`);
      await delay(5);
    }
    return {
      totalTimeMs: resumedAtMs - startedAtMs,
      downtimeMs: outcome.progress.downtimeMs ?? 0,
      bytes: outcome.progress.transferredBytes,
    };
  } finally {
    target.off('event', onEvent);
  }
}
