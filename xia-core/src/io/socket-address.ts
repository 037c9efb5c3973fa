import { isIP, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';
import { readU16BE, writeU16BE, XiaError } from '../bytes/index.js';

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

const AF_INET = 2;
const AF_INET6 = 10;

/**
 * The `sockaddr_in` or `sockaddr_in6` of Linux for a literal address; undefined for one with a scope, whose number only
 * the system knows.
 * @param address of the socket's own family, so `::ffff:192.0.2.1` on a socket for both
 */
export function encodeSockaddr(address: string, port: number): Uint8Array | undefined {
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return undefined;
  const bytes = new Uint8Array(family === 4 ? 16 : 28);
  bytes[0] = family === 4 ? AF_INET : AF_INET6;
  writeU16BE(bytes, 2, port);
  bytes.set(family === 4 ? ipv4Bytes(address) : ipv6Bytes(address), family === 4 ? 4 : 8);
  return bytes;
}

/** An address as the operating system prints it, and a port. */
export interface SenderAddress {
  readonly address: string;
  readonly port: number;
}

/** The inverse of {@link encodeSockaddr}, with the scope by its name. */
export function decodeSockaddr(bytes: Uint8Array): SenderAddress {
  const port = readU16BE(bytes, 2);
  if (bytes[0] === AF_INET) return { address: bytes.subarray(4, 8).join('.'), port };
  const groups = Array.from({ length: 8 }, (_, index) => readU16BE(bytes, 8 + 2 * index).toString(16));
  const { address } = new SocketAddress({ address: groups.join(':'), family: 'ipv6' });
  const scope = (bytes[24]! | (bytes[25]! << 8) | (bytes[26]! << 16) | (bytes[27]! << 24)) >>> 0;
  return { address: scope === 0 ? address : `${address}%${scopeName(scope)}`, port };
}

/** The interface of a scope, by its name, or its number where there is none of that number. */
function scopeName(scope: number): string {
  const named = Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.family === 'IPv6' && one.scopeid === scope));
  return named?.[0] ?? String(scope);
}

function ipv4Bytes(text: string): number[] {
  return text.split('.').map(Number);
}

/** Of a text that is an IPv6 address. */
function ipv6Bytes(text: string): number[] {
  const [head = [], tail] = text.split('::').map((half) => (half === '' ? [] : half.split(':').flatMap(groupBytes)));
  if (tail === undefined) return [...head];
  return [...head, ...Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

function groupBytes(group: string): number[] {
  if (group.includes('.')) return ipv4Bytes(group);
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}
