// A process of its own: reads from a stream of js-libp2p and compares every byte.
import { endArgument, endWithParent, serveOrders, tellDone } from './end-process.js';
import { LIBP2P_PROTOCOL, libp2pAddress, startLibp2p } from './libp2p-node.js';
import { Pattern, PatternCheck } from './pattern.js';

const { source, peersFolder } = endArgument<{ readonly source: string; readonly peersFolder: string }>();
const check = new PatternCheck(new Pattern());
const node = await startLibp2p(peersFolder, []);
const stream = await node.dialProtocol(await libp2pAddress(peersFolder, source), LIBP2P_PROTOCOL);
let wanted = 0;
endWithParent(async () => node.stop());
serveOrders({ address: '' }, ({ bytes }) => {
  wanted += bytes;
});
for await (const list of stream.source) {
  check.take(list.subarray());
  if (check.bytes === wanted) tellDone({ bytes: check.bytes, wrong: check.wrong });
}
