// A process of its own: fetches the chunks that it is offered, opens them, and compares every byte.
import { createDecipheriv } from 'node:crypto';
import { collectRarely, contentDag, Dag, PrincipalType } from 'xia-core';
import { CHUNK_ALGORITHM, CHUNK_KEY_BYTES, CHUNK_KEY_LABEL, nonceOf, OfferReader, TAG_BYTES, type Offer } from './chunk-offer.js';
import { startEndNode, type Attachment } from './end-node.js';
import { endArgument, endWithParent, serveOrders, tellDone } from './end-process.js';
import { Pattern, PatternCheck } from './pattern.js';

const { source, ...attachment } = endArgument<Attachment & { readonly source: string }>();
collectRarely();
const check = new PatternCheck(new Pattern());
const node = await startEndNode(attachment);
const address = Dag.parse(source);
const [ad, hid] = [address.find(PrincipalType.AD), address.find(PrincipalType.HID)!];
const control = await node.connect(address);
const key = control.exportKey(CHUNK_KEY_LABEL, CHUNK_KEY_BYTES);
const offers = new OfferReader();
/** Fetched and not yet handed on, since an earlier one is missing. */
const waiting = new Map<number, Uint8Array>();
const accepted: Offer[] = [];
let opened = 0;
let wanted = 0;

async function fetchChunk(sequence: number, offer: Offer): Promise<void> {
  waiting.set(sequence, await node.fetch(contentDag(ad, hid, offer.cid), { length: offer.bytes }));
  for (let bytes = waiting.get(opened); bytes !== undefined; bytes = waiting.get(opened)) {
    waiting.delete(opened);
    open(opened++, bytes);
  }
  if (check.bytes === wanted) tellDone({ bytes: check.bytes, wrong: check.wrong });
}

function open(sequence: number, ciphertext: Uint8Array): void {
  const decipher = createDecipheriv(CHUNK_ALGORITHM, key, nonceOf(sequence), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(accepted[sequence]!.tag);
  const plaintext = decipher.update(ciphertext);
  decipher.final();
  node.recycle(ciphertext);
  check.take(plaintext);
  control.write(Buffer.alloc(1));
}

control.on('data', (piece: Uint8Array) => {
  for (const offer of offers.read(piece)) {
    accepted.push(offer);
    void fetchChunk(accepted.length - 1, offer);
  }
});

endWithParent(async () => node.close());
serveOrders({ address: '' }, ({ bytes }) => {
  wanted += bytes;
});
