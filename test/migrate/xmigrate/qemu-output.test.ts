import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { QemuOutput } from '../../../migrate/src/xmigrate/qemu-output.js';

it('ends well when QEMU has everything and closes its side first', async () => {
  const output = new QemuOutput();
  const server = createServer((socket) => socket.once('data', () => socket.end())).listen(output.path);
  await once(server, 'listening');
  output.write(Buffer.from('the whole stream'));
  await sleep(100);
  output.end();
  await once(output, 'finish');
  expect(output.errored).toBeNull();
  output.destroy();
  server.close();
});
