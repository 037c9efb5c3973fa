import { setTimeout as sleep } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import { queryMigration, queryRunState, setMigrationCapabilities, type QmpEvent } from '../qemu/index.js';
import type { Monitor } from './monitor.js';

/** Beside the event, which a monitor that changed hands may have missed. */
const ASK_AGAIN_MS = 250;
/** Memory is loaded while it comes; what is left then takes a moment, and the guest stands still meanwhile. */
const LOAD_TIMEOUT_MS = 60_000;
/** As QEMU does by itself after a migration, in ms: at once, then after 50, 150, 250, 350. */
const ANNOUNCEMENT = { initial: 50, max: 550, rounds: 5, step: 100 };

/**
 * Makes a QEMU that waits for a guest take it without starting it, and without a word to the network or a lock on its disks
 * before it is started. What an older QEMU does not know of the latter it does as it always did.
 * @throws XiaError `refused` when it does not wait for a guest, `qmp-error`
 */
export async function holdIncoming(monitor: Monitor, signal?: AbortSignal): Promise<void> {
  const { status } = await queryRunState(monitor, signal);
  if (status !== 'inmigrate') {
    throw new XiaError('refused', `the destination's QEMU does not wait for a guest: its state is "${status}"`, { status });
  }
  // QEMU: `stop` while it waits means that it does not start the guest by itself.
  await monitor.execute('stop', {}, { signal });
  await setMigrationCapabilities(monitor, { events: true }, signal);
  await setMigrationCapabilities(monitor, { 'late-block-activate': true }, signal).catch(() => undefined);
  await monitor.execute('migrate-set-parameters', { 'announce-rounds': 0 }, { signal }).catch(() => undefined);
}

/** Lets QEMU listen for the stream on a UNIX socket; returns when it does. */
export async function listenIncoming(monitor: Monitor, socket: string, signal?: AbortSignal): Promise<void> {
  await monitor.execute('migrate-incoming', { uri: `unix:${socket}` }, { signal });
}

/**
 * Waits until QEMU has loaded the whole guest and holds it, stopped.
 * @throws XiaError `qmp-error` when it could not, and has ended: its stderr says why; `timeout`, `interrupted`
 */
export async function untilLoaded(monitor: Monitor, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const failed = () => new XiaError('qmp-error', "the destination's QEMU could not load the VM and ended; its stderr says why");
  let onEvent: ((event: QmpEvent) => void) | undefined;
  let onClose: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const judge = (status: unknown) => {
        if (status === 'completed') resolve();
        if (status === 'failed') reject(failed());
      };
      onEvent = ({ event, data }) => event === 'MIGRATION' && judge(data['status']);
      onClose = () => reject(failed());
      monitor.on('event', onEvent);
      monitor.on('close', onClose);
      both.addEventListener('abort', () => reject(new XiaError('interrupted', 'the wait for QEMU was given up')), { once: true });
      timer = setTimeout(() => reject(new XiaError('timeout', `QEMU did not load the VM within ${LOAD_TIMEOUT_MS} ms`)), LOAD_TIMEOUT_MS);
      if (monitor.closed) onClose();
      void askAgain(monitor, both, judge);
    });
  } finally {
    clearTimeout(timer);
    over.abort();
    if (onEvent !== undefined) monitor.off('event', onEvent);
    if (onClose !== undefined) monitor.off('close', onClose);
  }
  const { running, status } = await queryRunState(monitor);
  if (running) throw new XiaError('qmp-error', `the destination's QEMU started the VM although it was told to wait (${status})`);
}

async function askAgain(monitor: Monitor, signal: AbortSignal, judge: (status: unknown) => void): Promise<void> {
  while (!signal.aborted && !monitor.closed) {
    await queryMigration(monitor, signal).then(
      ({ status }) => judge(status),
      () => undefined,
    );
    await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * Starts a guest unless it runs, and lets it announce itself. Twice is as good as once.
 * @throws XiaError `qmp-error` when it does not run then
 */
export async function startGuest(monitor: Monitor): Promise<void> {
  if ((await queryRunState(monitor)).running) await announce(monitor);
  else await startHeldGuest(monitor);
}

/**
 * The same for one that QEMU was just seen to hold, in fewer words: it stands still meanwhile.
 * @throws XiaError `qmp-error` when it does not run then
 */
export async function startHeldGuest(monitor: Monitor): Promise<void> {
  await monitor.execute('cont');
  const { running, status } = await queryRunState(monitor);
  if (!running) throw new XiaError('qmp-error', `QEMU was told to run the VM, but its state is "${status}"`, { status });
  await announce(monitor);
}

async function announce(monitor: Monitor): Promise<void> {
  await monitor.execute('announce-self', ANNOUNCEMENT).catch(() => undefined);
}

/** Ends a QEMU that holds a guest which is not its own, so that nobody can start that copy. */
export async function discardGuest(monitor: Monitor): Promise<void> {
  if (monitor.closed) return;
  const state = await queryRunState(monitor).catch(() => undefined);
  // One that has not been given anything may wait on.
  if (state === undefined || state.running || state.status === 'inmigrate') return;
  await monitor.execute('quit').catch(() => undefined);
}
