import type { XiaNode } from 'xia-core';
import { serveBulk, SID_BULK } from './bulk-service.js';
import { FlowSink, SID_FLOW } from './flow-sink.js';

/** The machine's end of what a load process sends: counts datagrams, and sends and takes bytes by STREAM. @throws XiaError `address-in-use` */
export async function serveLoads(node: XiaNode, onError: (error: unknown) => void): Promise<void> {
  const sink = new FlowSink();
  const flow = node.datagram(SID_FLOW);
  flow.on('message', (bytes, from) => {
    const answer = sink.take(bytes);
    if (answer !== undefined) flow.send(from, answer);
  });
  void serveBulk(await node.listen(SID_BULK), onError);
}
