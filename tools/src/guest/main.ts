import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { identityFromPem, XiaNode } from 'xia-core';
import { GATEWAY_ADDRESS, GUEST_ADDRESS, runGuest, type GuestContext } from 'xmigrate';
import { GoldbachService, serveGoldbach } from '../xcal/service.js';
import { SID_COUNTER, SID_ECHO, SID_XCAL } from '../xcal/service-sids.js';
import { serveLoads } from '../bench-handover/load-services.js';
import { checkGuestApplication } from './application-config.js';

/** Any port does: the network card's other end hands every datagram of the guest to the host node. */
const UNDERLAY_PORT = 7000;
/** An Ethernet frame less the headers of IPv4 and UDP. */
const UPLINK_MTU = 1472;
const ATTACH_TIMEOUT_MS = 120_000;
const TICK_MS = 20;
const RETRY_MS = 1000;

/**
 * What the demo's virtual machine runs: its own XIA node with the agent that notices a move, the Goldbach service, a datagram
 * echo, a counter that shows whether the machine has gone on or started again, and ends for the benchmark's loads.
 */
async function application({ config, workload, report }: GuestContext): Promise<void> {
  const { key, name, trustedAds } = checkGuestApplication(config.application);
  const node = await XiaNode.start({
    identity: identityFromPem(key, "the guest's key"),
    role: 'application',
    faces: [
      {
        name: 'up',
        role: 'uplink',
        mtu: UPLINK_MTU,
        udp: { listen: `${GUEST_ADDRESS}:${UNDERLAY_PORT}`, peers: [`${GATEWAY_ADDRESS}:${UNDERLAY_PORT}`] },
      },
    ],
    attachTimeoutMs: ATTACH_TIMEOUT_MS,
    ...(trustedAds === undefined ? {} : { trustedAds }),
  });
  report('attached', { hid: node.hid.toString(), dag: node.dag().toString() });
  node.on('move', ({ ad, dag }) => report('moved', { ad: ad?.toString(), dag: dag.toString() }));
  node.on('detach', () => report('detached'));

  const startId = randomBytes(8).toString('hex');
  const service = new GoldbachService(startId);
  const serving = serveGoldbach(await node.listen(SID_XCAL), service, (error) => report('stream-error', { error: String(error) }));

  const echo = node.datagram(SID_ECHO);
  echo.on('message', (bytes, from) => echo.send(from, bytes));

  await serveLoads(node, (error) => report('stream-error', { error: String(error) }));

  let ticks = 0;
  setInterval(() => ticks++, TICK_MS);
  const counter = node.datagram(SID_COUNTER);
  counter.on('message', (_bytes, from) => {
    const state = { startId, ticks, answers: service.counter, dag: node.dag().toString(), workload: workload?.workload.status };
    counter.send(from, Buffer.from(JSON.stringify(state)));
  });

  for (;;) {
    try {
      await node.register(name);
      break;
    } catch (error) {
      report('not-registered', { name, error: String(error) });
      await delay(RETRY_MS);
    }
  }
  report('registered', { name });
  await workload?.filled;
  report('ready', { startId });
  await serving;
}

await runGuest(application);
