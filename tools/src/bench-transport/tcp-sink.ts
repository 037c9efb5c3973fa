// A process of its own: reads from a TCP connection and compares every byte.
import { connect } from 'node:net';
import { endArgument, endWithParent, serveOrders, tellDone } from './end-process.js';
import { Pattern, PatternCheck } from './pattern.js';

const READ_BYTES = 256 * 1024;

const { source } = endArgument<{ readonly source: string }>();
const check = new PatternCheck(new Pattern());
const [host, port] = source.split(':');
let wanted = 0;
const callback = (bytes: number, buffer: Uint8Array): boolean => {
  check.take(buffer.subarray(0, bytes));
  if (check.bytes === wanted) tellDone({ bytes: check.bytes, wrong: check.wrong });
  return true;
};
const socket = connect({ host: host ?? '', port: Number(port), onread: { buffer: Buffer.alloc(READ_BYTES), callback } });
socket.once('connect', () => {
  serveOrders({ address: '' }, ({ bytes }) => {
    wanted += bytes;
  });
});
endWithParent();
