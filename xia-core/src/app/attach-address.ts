import { resolve } from 'node:path';
import { XiaError } from '../bytes/index.js';
import { formatHostPort, isLoopback, MAX_PACKET_BYTES, parseHostPort } from '../io/index.js';
import type { FaceConfig } from '../node/index.js';

const UNIX = 'unix:';

/**
 * Where a program attaches, in its one form: `ADDRESS:PORT`, or `unix:PATH` for a UNIX socket of this machine.
 *
 * @param folder what a path is relative to; default: the working folder
 * @returns the same with an absolute path, so that a program in another folder can use it
 * @throws XiaError `bad-endpoint`
 */
export function attachAddress(text: string, folder = ''): string {
  const path = socketPath(text);
  if (path !== undefined) return `${UNIX}${resolve(folder, path)}`;
  const { address, port } = parseHostPort(text);
  return formatHostPort(address, port);
}

/**
 * The face by which a program attaches to a host: an uplink called `host`, with packets as large as the way to it carries.
 * @throws XiaError `bad-endpoint`
 */
export function attachFace(host: string): FaceConfig {
  const path = socketPath(host);
  if (path !== undefined) return { name: 'host', role: 'uplink', mtu: MAX_PACKET_BYTES, unix: { peers: [resolve(path)] } };
  const peer = parseHostPort(host);
  const isLocal = isLoopback(peer);
  const listen = peer.family === 6 ? (isLocal ? '[::1]:0' : '[::]:0') : isLocal ? '127.0.0.1:0' : '0.0.0.0:0';
  const udp = { listen, peers: [formatHostPort(peer.address, peer.port)] };
  // The loopback interface carries the largest datagram in one piece.
  return { name: 'host', role: 'uplink', ...(isLocal ? { mtu: MAX_PACKET_BYTES } : {}), udp };
}

/** The path of a UNIX socket; undefined for an address of another kind. @throws XiaError `bad-endpoint` for an empty one */
export function socketPath(address: string): string | undefined {
  if (!address.startsWith(UNIX)) return undefined;
  if (address.length > UNIX.length) return address.slice(UNIX.length);
  throw new XiaError('bad-endpoint', `"${address}" names no socket: unix:PATH is needed`, { text: address });
}
