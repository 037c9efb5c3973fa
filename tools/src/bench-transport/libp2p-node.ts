import { loadPeer } from './peer-packages.js';

/** As much of js-libp2p as the benchmark uses. */
export interface Libp2pStream {
  readonly source: AsyncIterable<{ readonly byteLength: number; subarray(): Uint8Array }>;
  sink(source: AsyncIterable<Uint8Array>): Promise<void>;
}

export interface Libp2pNode {
  getMultiaddrs(): { toString(): string }[];
  handle(protocol: string, handler: (incoming: { readonly stream: Libp2pStream }) => void): Promise<void>;
  dialProtocol(address: unknown, protocol: string): Promise<Libp2pStream>;
  stop(): Promise<void>;
}

export const LIBP2P_PROTOCOL = '/xia-bench/1';

type Make = () => unknown;

/** A node of js-libp2p: TCP, Noise and yamux, as their documentation sets it up. */
export async function startLibp2p(folder: string, listen: readonly string[]): Promise<Libp2pNode> {
  const { createLibp2p } = await loadPeer<{ createLibp2p: (options: object) => Promise<Libp2pNode> }>(folder, 'libp2p');
  const { tcp } = await loadPeer<{ tcp: Make }>(folder, '@libp2p/tcp');
  const { noise } = await loadPeer<{ noise: Make }>(folder, '@chainsafe/libp2p-noise');
  const { yamux } = await loadPeer<{ yamux: Make }>(folder, '@chainsafe/libp2p-yamux');
  return createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  });
}

/** The address of a node in its own type, of which only the text crosses to another process. */
export async function libp2pAddress(folder: string, text: string): Promise<unknown> {
  return (await loadPeer<{ multiaddr: (text: string) => unknown }>(folder, '@multiformats/multiaddr')).multiaddr(text);
}
