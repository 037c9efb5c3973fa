import { setTimeout as delay } from 'node:timers/promises';
import { XiaNode } from 'xia-core';
import type { SwarmMessage, SwarmMoved, SwarmOrder } from './swarm-messages.js';

// Many nodes in one process, each with a key and a socket of its own: to a router they are as many machines.

const FACE = 'up';
const MTU = 1472;
/** Nodes that attach at the same time. */
const AT_ONCE = 20;
const ATTACH_TIMEOUT_MS = 240_000;
/** A move that takes longer is none. */
const MOVE_TIMEOUT_MS = 20_000;

const nodes: XiaNode[] = [];
const moving = new Set<XiaNode>();
let detached = 0;

function tell(message: SwarmMessage): void {
  process.send?.(message);
}

const faceTo = (router: string) => ({ name: FACE, role: 'uplink', mtu: MTU, udp: { listen: '127.0.0.1:0', peers: [router] } }) as const;

async function start(router: string): Promise<void> {
  const node = await XiaNode.start({ role: 'application', faces: [faceTo(router)], attachTimeoutMs: ATTACH_TIMEOUT_MS });
  node.on('detach', () => {
    if (!moving.has(node)) detached++;
  });
  nodes.push(node);
}

async function attach(count: number, router: string): Promise<void> {
  for (let begun = 0; begun < count; begun += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - begun) }, async () => start(router)));
  tell({ kind: 'attached' });
}

/** Plugs a node in elsewhere, as when a machine comes up at another host: nothing that its former router sends reaches it any more. */
async function move(node: XiaNode, router: string): Promise<number | undefined> {
  const former = node.attachment?.router;
  const plug = node.reconfigure.faceId(FACE);
  if (plug === undefined || former === undefined) return undefined;
  moving.add(node);
  const stop = new AbortController();
  // It may hear of the other router before it notices that the former one is gone.
  const moved = new Promise<number>((resolve) => {
    const arrived = () => {
      if (node.attachment?.router.equals(former) === false) resolve(performance.now());
    };
    for (const event of ['attach', 'move'] as const) node.on(event, arrived);
  });
  await node.reconfigure.addFace({ ...faceTo(router), name: `${FACE}-again` });
  const startedAtMs = performance.now();
  const unplugged = node.reconfigure.removeFace(plug);
  node.hint();
  const late = delay(MOVE_TIMEOUT_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  const endedAtMs = await Promise.race([moved, late]);
  stop.abort();
  await unplugged;
  return endedAtMs === undefined ? undefined : endedAtMs - startedAtMs;
}

async function moveAll(count: number, router: string): Promise<SwarmMoved> {
  return { kind: 'moved', tookMs: await Promise.all(nodes.slice(0, count).map(async (node) => move(node, router))) };
}

function tellState(): void {
  const attached: Record<string, number> = {};
  for (const { attachment } of nodes) {
    if (attachment === undefined) continue;
    const router = attachment.router.toString();
    attached[router] = (attached[router] ?? 0) + 1;
  }
  tell({ kind: 'state', attached, detached });
}

process.on('message', (order: SwarmOrder) => {
  if (order.kind === 'state') return tellState();
  const doing = order.kind === 'attach' ? attach(order.count, order.router) : moveAll(order.count, order.router).then(tell);
  doing.catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.once('disconnect', () => process.exit(0));
tell({ kind: 'ready' });
