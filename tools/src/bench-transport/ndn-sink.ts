// A process of its own: fetches segmented objects by NDNts and compares every byte.
import { endArgument, endWithParent, serveOrders, tellDone } from './end-process.js';
import { loadSegmentedObject, objectName, startNdn, type NdnArgument } from './ndn-node.js';
import { Pattern, PatternCheck } from './pattern.js';

const { peersFolder, port, peer } = endArgument<NdnArgument>();
const check = new PatternCheck(new Pattern());
const fw = await startNdn(peersFolder, port, peer);
const { fetch } = await loadSegmentedObject(peersFolder);
let orders = 0;

async function fetchObject(order: number): Promise<void> {
  for await (const { content } of fetch(objectName(order), { cOpts: { fw } })) check.take(content);
  tellDone({ bytes: check.bytes, wrong: check.wrong });
}

endWithParent();
serveOrders({ address: '' }, () => void fetchObject(orders++));
