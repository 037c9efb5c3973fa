import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { XiaError } from 'xia-core';
import type { QmpClient } from '../qemu/index.js';
import { isMirrorName, mirrorName } from './disk-names.js';
import { parseJobs } from './mirror-job.js';

const GONE_TIMEOUT_MS = 15_000;
const REMOVE_TIMEOUT_MS = 2_000;
const LOOK_AGAIN_MS = 5;

const exportsSchema = v.array(v.object({ id: v.string(), type: v.string() }));
const nodesSchema = v.array(v.object({ 'node-name': v.optional(v.string(), '') }));

/** The destination's QEMU as an NBD server for its own images. */
export class NbdTarget {
  readonly #qmp: QmpClient;

  constructor(qmp: QmpClient) {
    this.#qmp = qmp;
  }

  /**
   * Serves the nodes, writable, on a socket that only this user reaches.
   * @throws XiaError `qmp-error`
   */
  async open(socket: string, nodeNames: readonly string[]): Promise<void> {
    await this.#qmp.execute('nbd-server-start', { addr: { type: 'unix', data: { path: socket } }, 'max-connections': nodeNames.length });
    for (const [index, nodeName] of nodeNames.entries()) {
      const id = mirrorName(index);
      await this.#qmp.execute('block-export-add', { type: 'nbd', id, name: id, 'node-name': nodeName, writable: true });
    }
  }

  /**
   * Ends the server and with it every connection, if it is ours.
   * @throws XiaError `refused` when it is somebody else's, `qmp-error`
   */
  async clear(): Promise<void> {
    if (this.#qmp.closed) return;
    const exports = v.parse(exportsSchema, await this.#qmp.execute('query-block-exports')).filter(({ type }) => type === 'nbd');
    if (!exports.every(({ id }) => isMirrorName(id))) {
      throw new XiaError('refused', "the destination's QEMU serves NBD to somebody else already", { exports });
    }
    // Refused when there is no server; one that serves nothing is missed by nobody.
    await this.#qmp.execute('nbd-server-stop').catch(() => undefined);
  }
}

/** The source's QEMU as a client: nodes that stand for the images at the destination, and the jobs that copy to them. */
export class NbdSource {
  readonly #qmp: QmpClient;

  constructor(qmp: QmpClient) {
    this.#qmp = qmp;
  }

  /** Connects a node to the n-th image. @throws XiaError `qmp-error` */
  async add(index: number, socket: string): Promise<void> {
    await this.#qmp.execute('blockdev-add', {
      driver: 'nbd',
      'node-name': mirrorName(index),
      server: { type: 'unix', path: socket },
      export: mirrorName(index),
      // What is zero at the source shall be a hole at the destination.
      discard: 'unmap',
      'detect-zeroes': 'unmap',
    });
  }

  /** Begins to copy. @param options.speed bytes per second */
  async mirror(index: number, nodeName: string, options: { speed?: number | undefined; blocksWrites?: boolean } = {}): Promise<void> {
    await this.#qmp.execute('blockdev-mirror', {
      'job-id': mirrorName(index),
      device: nodeName,
      target: mirrorName(index),
      sync: 'full',
      'copy-mode': options.blocksWrites ? 'write-blocking' : 'background',
      ...(options.speed === undefined ? {} : { speed: options.speed }),
    });
  }

  /** Ends a job: whole if it is ready, or at once with `force`. */
  async end(id: string, { force }: { force: boolean }): Promise<void> {
    await this.#qmp.execute('block-job-cancel', { device: id, force });
  }

  /** Lets the guest's writes wait until both sides have them. Before QEMU 8.2 the copy has to begin anew for it. */
  async blockWrites(index: number, nodeName: string, onRestart: () => void): Promise<void> {
    const id = mirrorName(index);
    const { major, minor } = this.#qmp.version;
    if (major > 8 || (major === 8 && minor >= 2)) {
      await this.#qmp.execute('block-job-change', { id, type: 'mirror', 'copy-mode': 'write-blocking' });
      return;
    }
    await this.#endAll([id]);
    onRestart();
    await this.mirror(index, nodeName, { blocksWrites: true });
  }

  /** Ends all jobs of ours and removes our nodes, also those that somebody left who was killed. @throws XiaError `qmp-error`, `timeout` */
  async clear(): Promise<void> {
    if (this.#qmp.closed) return;
    await this.#endAll((await this.#jobs()).filter(isMirrorName));
    const nodes = v.parse(nodesSchema, await this.#qmp.execute('query-named-block-nodes', { flat: true }));
    for (const { 'node-name': name } of nodes) {
      if (isMirrorName(name)) await this.#remove(name);
    }
  }

  /** A job that has just ended may hold its node for a moment. */
  async #remove(name: string): Promise<void> {
    const deadline = performance.now() + REMOVE_TIMEOUT_MS;
    for (;;) {
      try {
        await this.#qmp.execute('blockdev-del', { 'node-name': name });
        return;
      } catch (error) {
        if (this.#qmp.closed || performance.now() > deadline) throw error;
        await sleep(LOOK_AGAIN_MS);
      }
    }
  }

  async #endAll(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      // It may have ended by itself meanwhile.
      await this.end(id, { force: true }).catch(() => undefined);
    }
    const deadline = performance.now() + GONE_TIMEOUT_MS;
    while (ids.length > 0 && (await this.#jobs()).some((id) => ids.includes(id))) {
      if (performance.now() > deadline) throw new XiaError('timeout', 'QEMU does not end the copy of a disk');
      await sleep(LOOK_AGAIN_MS);
    }
  }

  async #jobs(): Promise<string[]> {
    return [...parseJobs(await this.#qmp.execute('query-block-jobs')).keys()];
  }
}
