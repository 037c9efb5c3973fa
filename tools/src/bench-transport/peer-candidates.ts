import { freePorts } from '../xtestbed/free-ports.js';
import { withParts, type Candidate } from './candidates.js';
import { startEnd } from './parts.js';
import { measureTransfer } from './transfer.js';

/** A stream of js-libp2p (TCP, Noise, yamux) between two processes. */
export function libp2p(name: string, peersFolder: string): Candidate {
  return {
    name,
    run: (context) =>
      withParts(async (add) => {
        const source = await add(startEnd('libp2p-source', context, { peersFolder }));
        const sink = await add(startEnd('libp2p-sink', context, { peersFolder, source: source.address }));
        return measureTransfer({ source, sink, parts: { sender: source, receiver: sink } }, context.size);
      }),
  };
}

/** A segmented fetch of NDNts over UDP between two processes. It is slow, so it carries a tenth of the bytes. */
export function ndnts(name: string, peersFolder: string): Candidate {
  return {
    name,
    run: (context) =>
      withParts(async (add) => {
        const size = { warmUpBytes: Math.ceil(context.size.warmUpBytes / 10), bytes: Math.ceil(context.size.bytes / 10) };
        const [here, there] = (await freePorts(2)) as [number, number];
        const orders = [size.warmUpBytes, size.bytes];
        const source = await add(startEnd('ndn-source', context, { peersFolder, orders, port: here, peer: there }));
        const sink = await add(startEnd('ndn-sink', context, { peersFolder, orders, port: there, peer: here }));
        return measureTransfer({ source, sink, parts: { sender: source, receiver: sink } }, size);
      }),
  };
}
