import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { loadPeer } from './peer-packages.js';

/** As much of NDNts as the benchmark uses. */
export interface SegmentedObject {
  BufferChunkSource: new (bytes: Uint8Array, options: { chunkSize: number }) => object;
  serve(name: string, source: object, options: object): unknown;
  fetch(name: string, options: object): AsyncIterable<{ readonly content: Uint8Array }>;
}

const SOCKET_BUFFER_BYTES = 8_000_000;

/** Objects are called by the number of the order that they are for. */
export function objectName(order: number): string {
  return `/xia-bench/${order}`;
}

/** A forwarder of NDNts with a UDP face to one peer. @returns what its producers and consumers are given */
export async function startNdn(folder: string, port: number, peer: number): Promise<object> {
  const { Forwarder } = await loadPeer<{ Forwarder: { create(): object } }>(folder, '@ndn/fw');
  const { UdpTransport } = await loadPeer<{ UdpTransport: { createFace(options: object, socket: unknown): Promise<unknown> } }>(
    folder,
    '@ndn/node-transport',
  );
  const { Name } = await loadPeer<{ Name: new (uri: string) => object }>(folder, '@ndn/packet');
  const socket = createSocket({ type: 'udp4', recvBufferSize: SOCKET_BUFFER_BYTES, sendBufferSize: SOCKET_BUFFER_BYTES });
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  socket.connect(peer, '127.0.0.1');
  await once(socket, 'connect');
  const fw = Forwarder.create();
  await UdpTransport.createFace({ fw, addRoutes: [new Name('/')] }, socket);
  return fw;
}

export async function loadSegmentedObject(folder: string): Promise<SegmentedObject> {
  return loadPeer<SegmentedObject>(folder, '@ndn/segmented-object');
}

/** What both ends are told. */
export interface NdnArgument {
  readonly peersFolder: string;
  readonly port: number;
  readonly peer: number;
  /** Bytes of the orders to come. */
  readonly orders: readonly number[];
}
