import { EventEmitter } from 'node:events';
import { XiaError } from 'xia-core';
import type { Monitor } from '../machine/index.js';
import { QmpClient, type QmpCallOptions, type QmpEvent } from '../qemu/index.js';
import type { Downward } from './messages.js';
import type { ParentChannel } from './parent-channel.js';

interface Pending {
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface LentMonitorEvents {
  event: [QmpEvent];
  close: [];
}

/**
 * The monitor of a QEMU that the parent holds, because QEMU serves one client at a time. When the parent dies, QEMU is free, and this
 * end goes on by itself: commands that the parent has not answered are given again, so they must bear being run twice.
 */
export class LentMonitor extends EventEmitter<LentMonitorEvents> implements Monitor {
  readonly #channel: ParentChannel;
  readonly #path: string;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #own: Promise<QmpClient> | undefined;
  #closed = false;

  constructor(channel: ParentChannel, path: string) {
    super();
    this.#channel = channel;
    this.#path = path;
    channel.on('message', (message) => this.#hear(message));
    channel.on('gone', () => void this.#takeOver());
  }

  get closed(): boolean {
    return this.#closed;
  }

  async execute(command: string, args: Readonly<Record<string, unknown>> = {}, options: QmpCallOptions = {}): Promise<unknown> {
    if (this.#closed) throw new XiaError('qmp-error', `QEMU is gone; it was to ${command}`, { command });
    if (!this.#channel.connected) return (await this.#takeOver()).execute(command, args, options);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { command, args, resolve, reject });
      this.#channel.say({ kind: 'qmp', id, command, args });
    });
  }

  #hear(message: Downward): void {
    if (message.kind === 'qmp-event') {
      const { event, data, timestampMs } = message;
      this.emit('event', { event, data, timestampMs });
    }
    if (message.kind === 'qmp-closed') this.#close();
    if (message.kind !== 'answer' && message.kind !== 'failure') return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === 'answer') pending?.resolve(message.value);
    else pending?.reject(new XiaError('qmp-error', message.reason, { command: pending.command }));
  }

  #takeOver(): Promise<QmpClient> {
    this.#own ??= this.#connect();
    this.#own.catch(() => this.#close());
    return this.#own;
  }

  async #connect(): Promise<QmpClient> {
    const client = await QmpClient.connect({ path: this.#path });
    client.on('event', (event) => void this.emit('event', event));
    client.on('close', () => this.#close());
    for (const { command, args, resolve, reject } of this.#pending.values()) client.execute(command, args).then(resolve, reject);
    this.#pending.clear();
    return client;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { command, reject } of this.#pending.values()) {
      reject(new XiaError('qmp-error', `QEMU went away before it answered ${command}`, { command }));
    }
    this.#pending.clear();
    this.emit('close');
  }
}
