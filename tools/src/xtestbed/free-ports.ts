import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { XiaError } from 'xia-core';

/** Below Linux' usual range of ports for unbound sockets, so that no program of the testbed is given one by chance. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const MAXIMUM_TRIES = 2000;

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

/**
 * Different UDP ports of the loopback address that nobody uses at this moment.
 * @throws XiaError `testbed-failed` when there are not that many
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === MAXIMUM_TRIES) throw new XiaError('testbed-failed', `no ${count} free UDP ports between ${FIRST_PORT} and ${LAST_PORT}`);
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}
