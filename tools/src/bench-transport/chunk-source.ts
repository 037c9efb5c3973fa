// A process of its own: seals chunks as a migration does, publishes them, and offers them on a control stream.
import { createCipheriv } from 'node:crypto';
import { collectRarely, PrincipalType, Xid, type XiaStream } from 'xia-core';
import { CHUNK_ALGORITHM, CHUNK_KEY_BYTES, CHUNK_KEY_LABEL, encodeOffer, nonceOf, TAG_BYTES } from './chunk-offer.js';
import { startEndNode, type Attachment } from './end-node.js';
import { endArgument, endWithParent, serveOrders } from './end-process.js';
import { Pattern } from './pattern.js';

/** As a migration: chunks of 960 KiB, of which 16 MiB are offered and not acknowledged. */
const CHUNK_BYTES = 960 * 1024;
const WINDOW_CHUNKS = 16;

collectRarely();
const pattern = new Pattern();
const node = await startEndNode(endArgument<Attachment>());
const sid = new Xid(PrincipalType.SID, node.hid.id);
const server = await node.listen(sid);
const published: Xid[] = [];
let control: XiaStream | undefined;
let key: Uint8Array = new Uint8Array(0);
let sequence = 0;
let offered = 0;
let wanted = 0;

function offerChunk(bytes: number): void {
  const cipher = createCipheriv(CHUNK_ALGORITHM, key, nonceOf(sequence++), { authTagLength: TAG_BYTES });
  const ciphertext = cipher.update(pattern.piece(offered, bytes));
  cipher.final();
  const { cid } = node.publish(ciphertext);
  published.push(cid);
  control?.write(encodeOffer({ cid, tag: cipher.getAuthTag(), bytes }));
  offered += bytes;
}

function pump(): void {
  if (control === undefined) return;
  while (offered < wanted && published.length < WINDOW_CHUNKS) offerChunk(Math.min(CHUNK_BYTES, wanted - offered));
}

endWithParent(async () => node.close());
serveOrders({ address: server.dag.toString() }, ({ bytes }) => {
  wanted += bytes;
  pump();
});

control = await server.accept();
key = control?.exportKey(CHUNK_KEY_LABEL, CHUNK_KEY_BYTES) ?? key;
// Each byte acknowledges one chunk, in order.
control?.on('data', (acks: Uint8Array) => {
  for (const cid of published.splice(0, acks.length)) node.unpublish(cid);
  pump();
});
pump();
