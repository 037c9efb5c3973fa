// A process of its own: writes to a STREAM, encrypted by TLS 1.3.
import { collectRarely, PrincipalType, Xid } from 'xia-core';
import { startEndNode, type Attachment } from './end-node.js';
import { endArgument, endWithParent, serveOrders } from './end-process.js';
import { Pattern } from './pattern.js';
import { PatternWriter } from './pattern-writer.js';

collectRarely();
const { secure, ...attachment } = endArgument<Attachment & { readonly secure: boolean }>();
const node = await startEndNode(attachment);
const server = await node.listen(new Xid(PrincipalType.SID, node.hid.id), { secure });
const writer = new PatternWriter(new Pattern());

endWithParent(async () => node.close());
serveOrders({ address: server.dag.toString() }, ({ bytes }) => writer.order(bytes));

const stream = await server.accept();
if (stream !== undefined) writer.attach(stream);
