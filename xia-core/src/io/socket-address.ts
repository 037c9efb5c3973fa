import { isIP, SocketAddress } from 'node:net';
import { XiaError } from '../bytes/index.js';

/** An IP address in its canonical text (as the operating system prints it), and a port. */
export interface HostPort {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
}

const HOST_PORT = /^(?:\[([^[\]]+)\]|([^[\]:]+)):(\d{1,5})$/;

/**
 * Reads `192.0.2.1:7000` or `[2001:db8::1]:7000`. Only literal addresses, and `localhost` for 127.0.0.1: a
 * face must work before any name resolves.
 * @throws XiaError `bad-endpoint`
 */
export function parseHostPort(text: string): HostPort {
  const match = HOST_PORT.exec(text);
  const host = match?.[1] ?? (match?.[2] === 'localhost' ? '127.0.0.1' : match?.[2]) ?? '';
  const port = Number(match?.[3]);
  const family = isIP(host);
  if (match === null || (family === 6) !== (match[1] !== undefined) || family === 0 || port > 65_535) {
    throw new XiaError('bad-endpoint', `"${text}" is not ADDRESS:PORT with a literal IPv4 address, or IPv6 in brackets`, {
      text,
    });
  }
  if (family === 4) return { address: host, port, family };
  // A scope ("fe80::1%eth0") is no part of the number, and lost in the canonical text.
  const [plain, scope] = host.split('%');
  const canonical = new SocketAddress({ address: plain!, port, family: 'ipv6' }).address;
  return { address: scope === undefined ? canonical : `${canonical}%${scope}`, port, family: 6 };
}

/** True for addresses that never leave this machine, where a UDP datagram may be as large as UDP allows. */
export function isLoopback({ address, family }: HostPort): boolean {
  return family === 4 ? address.startsWith('127.') : address === '::1';
}

/** The inverse of {@link parseHostPort}. */
export function formatHostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
