// A process of its own: the least that a program on Node must do to pass datagrams on, in three ways.
import { createSocket, type Socket } from 'node:dgram';
import type { Listening } from './load-messages.js';
import { cutInto, gather } from './raw-udp.js';

/** one: each as it comes; gathered: those of one turn together; runs: what the kernel gathered, cut again. */
export type RelayMode = 'one' | 'gathered' | 'runs';

/** Datagrams that the kernel cuts one buffer into at most, and what the buffer may hold. */
const MOST_SEGMENTS = 64;
const MOST_BYTES = 65_507;
const HOST = '127.0.0.1';

const [mode, target, packetBytes] = [process.argv[2] as RelayMode, Number(process.argv[3]), Number(process.argv[4])];
const socket = createSocket({ type: 'udp4', lookup: (address, _options, callback) => callback(null, address, 4) });
const atOnce = Math.min(MOST_SEGMENTS, Math.floor(MOST_BYTES / packetBytes));
let waiting: Uint8Array[] = [];

function flush(): void {
  for (let n = 0; n < waiting.length; n += atOnce) socket.send(waiting.slice(n, n + atOnce), target, HOST);
  waiting = [];
}

socket.on('message', (bytes) => {
  if (mode !== 'gathered') {
    socket.send(bytes, target, HOST);
    return;
  }
  if (waiting.length === 0) setImmediate(flush);
  waiting.push(bytes);
});

/** Node has no public way to a socket's descriptor. */
function descriptorOf(of: Socket): number {
  return (of as unknown as { _handle: { fd: number } })._handle.fd;
}

socket.bind(0, HOST, () => {
  if (mode !== 'one') cutInto(descriptorOf(socket), packetBytes);
  if (mode === 'runs') gather(descriptorOf(socket));
  socket.setRecvBufferSize(8 * 1024 * 1024);
  socket.setSendBufferSize(8 * 1024 * 1024);
  process.send?.({ port: socket.address().port } satisfies Listening);
});
process.once('disconnect', () => process.exit());
