import { MemoryRecordStore, NameServerCore, SID_NAME_SERVICE } from 'xia-core';
import type { SimNode } from './network.js';
import { simCrypto } from './sim-identity.js';

/** Runs the name service on a node; its records are in memory. */
export function serveNames(node: SimNode): void {
  const socket = node.stack.datagrams.open(SID_NAME_SERVICE);
  node.stack.bindService(SID_NAME_SERVICE);
  const server = new NameServerCore({ crypto: simCrypto, store: new MemoryRecordStore(), send: (to, payload) => socket.send(to, payload) });
  node.onEvent = (event) => {
    if (event.layer !== 'datagram' || event.socket !== socket) return;
    for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
      const { payload, source } = datagram;
      node.enter((now) => server.handle(payload, source, now, now + node.stack.wallOffsetMs));
    }
  };
}
