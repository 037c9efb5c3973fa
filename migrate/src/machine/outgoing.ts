import { setTimeout as sleep } from 'node:timers/promises';
import { queryRunState, setMigrationCapabilities } from '../qemu/index.js';
import type { Monitor } from './monitor.js';

const LOOK_AGAIN_MS = 20;
const GO_ON_TIMEOUT_MS = 10_000;
/** How long a QEMU that has just lost its stream may take to resume the guest by itself. */
const BY_ITSELF_MS = 200;

/** Lets QEMU write its stream to a UNIX socket that somebody listens on. */
export async function startOutgoing(monitor: Monitor, socket: string, signal?: AbortSignal): Promise<void> {
  await setMigrationCapabilities(monitor, { events: true }, signal);
  await monitor.execute('migrate', { uri: `unix:${socket}` }, { signal });
}

/**
 * Sees to it that the guest runs at the source after a migration that did not happen. QEMU resumes by itself what it saw fail;
 * a guest whose stream it had written whole it leaves stopped.
 * @returns whether it runs
 */
export async function goOn(monitor: Monitor): Promise<boolean> {
  const startedMs = performance.now();
  while (!monitor.closed && performance.now() - startedMs < GO_ON_TIMEOUT_MS) {
    const state = await queryRunState(monitor).catch(() => undefined);
    if (state?.running) return true;
    const isWriting = state?.status === 'finish-migrate' && performance.now() - startedMs < BY_ITSELF_MS;
    if (state !== undefined && !isWriting) await monitor.execute('cont').catch(() => undefined);
    else await sleep(LOOK_AGAIN_MS);
  }
  return false;
}
