import type { Monitor } from '../machine/index.js';
import { QmpClient } from '../qemu/index.js';
import { LentMonitor } from './lent-monitor.js';
import type { ParentChannel } from './parent-channel.js';

/**
 * The monitor behind a QMP socket: the parent's while there is one, else an own conversation.
 * @throws XiaError `qmp-error`, `timeout`
 */
export async function openMonitor(path: string, channel: ParentChannel | undefined): Promise<Monitor> {
  return channel?.connected ? new LentMonitor(channel, path) : QmpClient.connect({ path });
}
