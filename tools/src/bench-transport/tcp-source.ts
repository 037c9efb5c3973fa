// A process of its own: writes to the first TCP connection that comes.
import { createServer, type AddressInfo } from 'node:net';
import { endWithParent, serveOrders } from './end-process.js';
import { Pattern } from './pattern.js';
import { PatternWriter } from './pattern-writer.js';

const writer = new PatternWriter(new Pattern());
const server = createServer((socket) => writer.attach(socket));
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serveOrders({ address: `127.0.0.1:${port}` }, ({ bytes }) => writer.order(bytes));
});
endWithParent();
