import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { GATEWAY_ADDRESS } from '../../../migrate/src/guest/init-script.js';
import { memory, runGuest } from '../../../migrate/src/guest/run-guest.js';

const PERIOD_MS = 10;

/** The guest of the QEMU tests: a UDP datagram with a growing counter every 10 ms, and a check of its memory on request. */
await runGuest(async ({ workload, report }) => {
  const socket = createSocket('udp4');
  socket.on('message', () => {
    const startedMs = performance.now();
    const damage = workload?.workload.findDamage() ?? -1;
    report('checked', { damage, checkMs: Math.round(performance.now() - startedMs), ...workload?.workload.status, ...memory() });
  });
  await new Promise<void>((resolve) => socket.bind(9000, resolve));
  for (let sent = 0; ; sent++) {
    const status = workload?.workload.status;
    const body = { sent, wallMs: Date.now(), filledBytes: status?.filledBytes ?? 0, counter: status?.counter ?? 0 };
    socket.send(JSON.stringify(body), 9000, GATEWAY_ADDRESS);
    await sleep(PERIOD_MS);
  }
});
