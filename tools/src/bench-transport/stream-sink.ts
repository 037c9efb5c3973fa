// A process of its own: reads from a STREAM and compares every byte.
import { collectRarely } from 'xia-core';
import { startEndNode, type Attachment } from './end-node.js';
import { endArgument, endWithParent, serveOrders, tellDone } from './end-process.js';
import { Pattern, PatternCheck } from './pattern.js';

const { source, secure, ...attachment } = endArgument<Attachment & { readonly source: string; readonly secure: boolean }>();
collectRarely();
const check = new PatternCheck(new Pattern());
const node = await startEndNode(attachment);
const stream = await node.connect(source, { secure });
let wanted = 0;
stream.on('data', (bytes: Uint8Array) => {
  check.take(bytes);
  if (check.bytes === wanted) tellDone({ bytes: check.bytes, wrong: check.wrong });
});

endWithParent(async () => node.close());
serveOrders({ address: '' }, ({ bytes }) => {
  wanted += bytes;
});
