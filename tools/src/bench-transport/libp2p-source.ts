// A process of its own: writes to a stream of js-libp2p.
import { endArgument, endWithParent, serveOrders } from './end-process.js';
import { LIBP2P_PROTOCOL, startLibp2p } from './libp2p-node.js';
import { MAX_PIECE_BYTES, Pattern } from './pattern.js';

const { peersFolder } = endArgument<{ readonly peersFolder: string }>();
const pattern = new Pattern();
const node = await startLibp2p(peersFolder, ['/ip4/127.0.0.1/tcp/0']);
let wanted = 0;
let ordered = (): void => {};

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; ;) {
    if (at === wanted) await new Promise<void>((resolve) => (ordered = resolve));
    const piece = pattern.piece(at, Math.min(MAX_PIECE_BYTES, wanted - at));
    at += piece.length;
    yield piece;
  }
}

await node.handle(LIBP2P_PROTOCOL, ({ stream }) => void stream.sink(pieces()));
endWithParent(async () => node.stop());
serveOrders({ address: String(node.getMultiaddrs()[0]) }, ({ bytes }) => {
  wanted += bytes;
  ordered();
});
