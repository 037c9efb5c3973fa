import { isIP } from 'node:net';
import { XiaError } from '../bytes/index.js';

/** A UDP address of the underlay. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `ADDRESS:PORT`; an IPv6 address stands in square brackets.
 * @throws XiaError `bad-endpoint`
 */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535)) {
    throw new XiaError('bad-endpoint', `"${text}" is not ADDRESS:PORT (for instance 127.0.0.1:7101 or [::1]:7101)`, { text });
  }
  if (match?.[1] !== undefined && isIP(host) !== 6) {
    throw new XiaError('bad-endpoint', `"${text}": what is in the brackets is not an IPv6 address`, { text });
  }
  return { host, port };
}

/** The text that `parseEndpoint` reads. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True for addresses that never leave this machine, where a UDP datagram may be as large as UDP allows. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
