// A process of its own: counts packets, and tells the generator how many.
import type { Listening } from './load-messages.js';
import { gather, RawUdp } from './raw-udp.js';

const IDLE_MS = 5;
/** Packets counted before the generator is told, so that it need not wait for the end of a burst. */
const TOLD_EVERY = 64;

const [creditPort, packetBytes] = process.argv.slice(2).map(Number);
const socket = new RawUdp();
const credits = new RawUdp();
credits.connect(creditPort ?? 0);
gather(socket.descriptor);
const beginning = new Uint8Array(1);
const total = new Float64Array(1);
const message = new Uint8Array(total.buffer);

process.once('disconnect', () => process.exit());
process.send?.({ port: socket.port } satisfies Listening);

for (;;) {
  socket.wait(IDLE_MS);
  let told = total[0]!;
  for (let length = socket.receive(beginning); length > 0; length = socket.receive(beginning)) {
    total[0]! += Math.ceil(length / (packetBytes ?? length));
    if (total[0]! - told >= TOLD_EVERY) {
      credits.send(message);
      told = total[0]!;
    }
  }
  if (total[0]! > told) credits.send(message);
  await new Promise((resolve) => setImmediate(resolve));
}
