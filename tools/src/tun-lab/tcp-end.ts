// A process of its own: one end of one TCP connection of the kernel, `sink ADDRESS` or `source ADDRESS PORT ALGORITHM SECONDS`.
import { connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { XiaError } from 'xia-core';
import { SAMPLE_MS, type SinkCount, type SinkReady } from './tcp-messages.js';
import { setTcpAlgorithm } from './tcp-algorithm.js';

const PIECE_BYTES = 256 * 1024;

function say(what: SinkReady | SinkCount): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function sink(address: string): void {
  const server = createServer((socket) => {
    server.close();
    let bytes = 0;
    let firstMs = 0;
    let lastMs = 0;
    const samples: number[] = [];
    socket.on('data', (piece: Buffer) => {
      lastMs = performance.now();
      if (bytes === 0) firstMs = lastMs;
      bytes += piece.length;
      const at = Math.floor((lastMs - firstMs) / SAMPLE_MS);
      while (samples.length <= at) samples.push(0);
      samples[at]! += piece.length;
    });
    // The source ends by a reset: what it has not sent yet shall not be waited for.
    socket.on('error', () => {});
    socket.on('close', () => say({ bytes, seconds: (lastMs - firstMs) / 1000, samples }));
  });
  server.listen(0, address, () => say({ port: (server.address() as { port: number }).port }));
}

async function source(address: string, port: number, algorithm: string, seconds: number): Promise<void> {
  const socket: Socket = connect(port, address);
  const piece = new Uint8Array(PIECE_BYTES);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  await setTcpAlgorithm(socket, algorithm);
  const send = (): void => {
    while (socket.writable && socket.write(piece));
  };
  socket.on('drain', send);
  socket.on('error', () => process.exit(1));
  setTimeout(() => socket.resetAndDestroy(), seconds * 1000);
  send();
}

const [role, address = '', port, algorithm = '', seconds] = process.argv.slice(2);
try {
  if (role === 'sink') sink(address);
  else await source(address, Number(port), algorithm, Number(seconds));
} catch (error) {
  process.stderr.write(`${error instanceof XiaError ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
