import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { XiaError } from 'xia-core';

const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;
const AVAILABLE = '/proc/sys/net/ipv4/tcp_available_congestion_control';

async function tcpAlgorithms(): Promise<string[]> {
  return (await readFile(AVAILABLE, 'utf8')).trim().split(/\s+/);
}

/** @throws XiaError `missing-prerequisite` when the kernel has it not, or not yet */
export async function requireTcpAlgorithm(name: string): Promise<void> {
  const known = await tcpAlgorithms();
  if (known.includes(name)) return;
  const message = `the kernel has not loaded the congestion control "${name}" but ${known.join(', ')}: modprobe tcp_${name}`;
  throw new XiaError('missing-prerequisite', message, { name });
}

/**
 * Chooses the congestion control of a connection that has not sent anything yet.
 * @throws XiaError `missing-prerequisite` when the kernel refuses
 */
export async function setTcpAlgorithm(socket: Socket, name: string): Promise<void> {
  const { default: koffi } = await import('koffi');
  const setsockopt = koffi.load(null).func('int setsockopt(int, int, int, void *, uint32)') as (
    ...call: [fd: number, level: number, option: number, value: Uint8Array, bytes: number]
  ) => number;
  // Node has no public way to the descriptor of a socket.
  const fd = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
  const bytes = new TextEncoder().encode(name);
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, bytes, bytes.length) === 0) return;
  throw new XiaError('missing-prerequisite', `the kernel refuses the congestion control "${name}" (errno ${koffi.errno()})`, { name });
}
