// A process of its own: fetches the chunks that it is offered, opens them, and compares every byte.
import { createDecipheriv } from 'node:crypto';
import { collectRarely, contentDag, Dag, PrincipalType } from 'xia-core';
import { CHUNK_ALGORITHM, CHUNK_KEY_BYTES, CHUNK_KEY_LABEL, nonceOf, OfferReader, TAG_BYTES, type Offer } from './chunk-offer.js';
import type { TransferOrder } from './end-messages.js';
import { startEndNode, type Attachment } from './end-node.js';
import { endArgument, endWithParent, serveOrders, tellDone } from './end-process.js';
import { Pattern, PatternCheck } from './pattern.js';

const { source, ...attachment } = endArgument() as Attachment & { readonly source: string };
collectRarely();
const check = new PatternCheck(new Pattern());
const node = await startEndNode(attachment);
const address = Dag.parse(source);
const [ad, hid] = [address.find(PrincipalType.AD), address.find(PrincipalType.HID)!];
const control = await node.connect(address);
const key = control.exportKey(CHUNK_KEY_LABEL, CHUNK_KEY_BYTES);
const offers = new OfferReader();
/** Fetched, opened and not yet handed on, since an earlier one is missing. */
const waiting = new Map<number, Uint8Array>();
const accepted: Offer[] = [];
let opened = 0;
let wanted = 0;
const progress = () => ({ bytes: check.bytes, wrong: check.wrong });

async function fetchChunk(sequence: number, offer: Offer): Promise<void> {
  let plaintext: Uint8Array | undefined;
  // As a migration does: the tag says whether a chunk is right.
  const verify = (bytes: Uint8Array) => (plaintext = open(sequence, bytes)) !== undefined;
  node.recycle(await node.fetch(contentDag(ad, hid, offer.cid), { length: offer.bytes, verify }));
  if (plaintext !== undefined) waiting.set(sequence, plaintext);
  for (let bytes = waiting.get(opened); bytes !== undefined; bytes = waiting.get(opened)) {
    waiting.delete(opened++);
    check.take(bytes);
    control.write(Buffer.alloc(1));
  }
  if (check.bytes === wanted) tellDone(progress());
}

function open(sequence: number, ciphertext: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv(CHUNK_ALGORITHM, key, nonceOf(sequence), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(accepted[sequence]!.tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}

control.on('data', (piece: Uint8Array) => {
  for (const offer of offers.read(piece)) {
    accepted.push(offer);
    void fetchChunk(accepted.length - 1, offer);
  }
});

endWithParent(async () => node.close());
const onOrder = ({ bytes }: TransferOrder) => {
  wanted += bytes;
};
serveOrders({ address: '' }, onOrder, progress);
