import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { XiaError } from 'xia-core';
import { makePrivateFolder } from '../state/index.js';
import { TunnelProcess } from './tunnel-process.js';

const OPEN_TIMEOUT_MS = 30_000;

export interface DiskTunnelOptions {
  /** The command that starts `xmigrate`. */
  readonly xmigrate: readonly string[];
  /** ADDR:PORT, or unix:PATH, of the XIA hosts that the two ends attach to. */
  readonly sourceHost: string;
  readonly destinationHost: string;
  /** ADs that both believe, comma separated; default: any. */
  readonly trust?: string;
}

/**
 * The way of a disk's copy: QEMU at the source connects to `nearSocket`, each connection becomes a STREAM with TLS 1.3, and comes out
 * as a connection to `farSocket`, where QEMU at the destination listens. Each end has a fresh key and talks to the other's only.
 */
export class DiskTunnel {
  readonly #folder: string;
  readonly #far: TunnelProcess;
  readonly #near: TunnelProcess;
  #closing: Promise<void> | undefined;
  #fault: string | undefined;
  /** Why the first of the two ended. */
  #endedBy: string | undefined;

  private constructor(folder: string, { xmigrate, sourceHost, destinationHost, trust }: DiskTunnelOptions) {
    this.#folder = folder;
    const common = ['--until-stdin-ends', ...(trust === undefined ? [] : ['--trust', trust])];
    this.#near = new TunnelProcess([
      ...xmigrate,
      'disk-connect',
      '--socket',
      this.nearSocket,
      '--host',
      sourceHost,
      '--to',
      '-',
      ...common,
    ]);
    this.#far = new TunnelProcess([
      ...xmigrate,
      'disk-listen',
      '--socket',
      this.farSocket,
      '--host',
      destinationHost,
      '--allow',
      '-',
      ...common,
    ]);
    for (const [end, where, other] of [
      [this.#near, 'source', this.#far],
      [this.#far, 'destination', this.#near],
    ] as const) {
      void this.#follow(end, where, other);
    }
  }

  /** A socket in a folder that this user alone can enter: nobody else on the two machines gets to the disk by it. */
  get nearSocket(): string {
    return join(this.#folder, 'near.sock');
  }

  get farSocket(): string {
    return join(this.#folder, 'far.sock');
  }

  /** Why it carries nothing any more; undefined while it does, and after `close`. */
  get fault(): string | undefined {
    return this.#closing === undefined ? this.#fault : undefined;
  }

  /** The processes of its two ends. */
  get pids(): { readonly source: number | undefined; readonly destination: number | undefined } {
    return { source: this.#near.pid, destination: this.#far.pid };
  }

  /**
   * Starts both ends and lets them know each other.
   * @throws XiaError `disk-failed`, `timeout`, `interrupted`; nothing is left then
   */
  static async open(options: DiskTunnelOptions, signal: AbortSignal | undefined): Promise<DiskTunnel> {
    const tunnel = new DiskTunnel(makePrivateFolder('disk'), options);
    try {
      await tunnel.#introduce(signal);
      return tunnel;
    } catch (error) {
      const first = tunnel.#endedBy;
      await tunnel.close();
      // The end that failed first takes the other one with it, which has nothing to say.
      const isEnd = error instanceof XiaError && error.code === 'disk-failed' && first !== undefined;
      throw isEnd ? new XiaError('disk-failed', `the disk tunnel did not open: ${first}`, {}, { cause: error }) : error;
    }
  }

  async #follow(end: TunnelProcess, where: 'source' | 'destination', other: TunnelProcess): Promise<void> {
    const reason = await end.ended;
    this.#endedBy ??= reason;
    this.#fault ??= `the disk tunnel broke at the ${where}: ${reason}`;
    // It would wait a minute for one that has gone, and with it a QEMU that waits for an answer and lets its guest stand still.
    if (end.hasFailed) await other.stop();
  }

  async #introduce(signal: AbortSignal | undefined): Promise<void> {
    const { hid } = await this.#near.said('attached', OPEN_TIMEOUT_MS, signal);
    this.#far.tell(word(hid));
    // Its address ends in the name of its own key, so the other end knows whom it talks to.
    const { dag } = await this.#far.said('listening', OPEN_TIMEOUT_MS, signal);
    this.#near.tell(word(dag));
    await this.#near.said('listening', OPEN_TIMEOUT_MS, signal);
  }

  /** Ends both processes and removes the folder. Never throws. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([this.#near.stop(), this.#far.stop()]);
      await rm(this.#folder, { recursive: true, force: true }).catch(() => undefined);
    })();
    return this.#closing;
  }
}

function word(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new XiaError('disk-failed', "the disk tunnel's process said something else than it should");
}
