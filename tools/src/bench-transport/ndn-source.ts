// A process of its own: serves segmented objects by NDNts, one for each order, segments of 8 KB.
import { endArgument, endWithParent, serveOrders } from './end-process.js';
import { loadSegmentedObject, objectName, startNdn, type NdnArgument } from './ndn-node.js';
import { MAX_PIECE_BYTES, Pattern } from './pattern.js';

const SEGMENT_BYTES = 8192;

const { peersFolder, port, peer, orders } = endArgument<NdnArgument>();
const pattern = new Pattern();
const fw = await startNdn(peersFolder, port, peer);
const { BufferChunkSource, serve } = await loadSegmentedObject(peersFolder);
let at = 0;
for (const [number, bytes] of orders.entries()) {
  const content = Buffer.alloc(bytes);
  for (let from = 0; from < bytes; from += MAX_PIECE_BYTES)
    pattern.piece(at + from, Math.min(MAX_PIECE_BYTES, bytes - from)).copy(content, from);
  at += bytes;
  serve(objectName(number), new BufferChunkSource(content, { chunkSize: SEGMENT_BYTES }), { pOpts: { fw } });
}
endWithParent();
serveOrders({ address: '' }, () => {});
