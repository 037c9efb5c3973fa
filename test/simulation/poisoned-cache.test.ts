import { expect, it } from 'vitest';
import { concatBytes, PrincipalType, serviceDag, Xid } from 'xia-core';
import { responderDag } from '../../xia-core/src/content/index.js';
import { CHUNK_RESPONSE_BYTES, encodeChunkResponseHeader, encodeXip, NextHeader } from '../../xia-core/src/wire/index.js';
import { hostDag } from '../../xia-core/src/dag/index.js';
import { imbalances } from './accounts.js';
import { FetchWorld, type Published } from './fetch-world.js';

const CHUNK_BYTES = 3000;
const SEGMENT_BYTES = 1000;

/** A source, a router with a cache, two clients, and a stranger who can have packets go through the router. */
function world() {
  const net = new FetchWorld({ seed: 5, sources: [{ delayMs: 20 }], clients: [{ delayMs: 1 }, { delayMs: 1 }], cacheBytes: 1_000_000 });
  const [source] = net.sources as [(typeof net.sources)[0]];
  const [client] = net.clients as [(typeof net.clients)[0]];
  const { node: router } = net.router;
  /** Sends wrong bytes by the router, as if the source had answered somebody. */
  const poison = ({ cid, bytes }: Published) => {
    const header = new Uint8Array(CHUNK_RESPONSE_BYTES);
    for (let offset = 0; offset < bytes.length; offset += SEGMENT_BYTES) {
      encodeChunkResponseHeader(header, 0, { offset, length: SEGMENT_BYTES, chunkLength: bytes.length, ttlSeconds: 1000 });
      const packet = encodeXip({
        nextHeader: NextHeader.CHUNK,
        destination: serviceDag(client.ad, client.node.stack.hid, new Xid(PrincipalType.SID, new Uint8Array(20).fill(9))),
        source: responderDag(hostDag(source.ad, source.node.stack.hid), cid),
        payload: concatBytes(header, new Uint8Array(SEGMENT_BYTES).fill(6)),
      });
      router.enter((now) => router.stack.receive(router.stack.faces.byName('face0')!, 1, packet, now));
    }
    net.network.runFor(10);
  };
  const fetchBy = (index: number, chunk: Published) => {
    let got: Uint8Array | undefined;
    const startedAt = net.network.now;
    net.fetch(net.clients[index]!, chunk, net.sources, (bytes) => (got = bytes));
    net.network.runUntil(() => got !== undefined, 5000);
    return { got, tookMs: net.network.now - startedAt };
  };
  const { cache } = router.stack.content;
  const faults = () => net.network.nodes.flatMap(({ stack }) => imbalances(stack.counters()));
  return { net, poison, fetchBy, cache, faults, sourceStack: source.node.stack };
}

it('a request that meets wrong bytes in a cache goes on to the source at once, and the right ones take their place', () => {
  const { net, poison, fetchBy, cache, faults, sourceStack } = world();
  const chunk = net.publish(CHUNK_BYTES);
  poison(chunk);
  expect(cache.counters).toMatchObject({ inserted: 1, verified: 0, foundWrong: 0 });
  const first = fetchBy(0, chunk);
  expect(first.got).toEqual(chunk.bytes);
  // One round trip to the source and no timeout.
  expect(first.tookMs).toBeLessThan(60);
  expect(cache.counters).toMatchObject({ inserted: 2, foundWrong: 1 });
  expect(sourceStack.counters()['delivery']!['chunk-request']).toBe(1);
  expect(faults()).toEqual([]);
});

it('wrong bytes that are sent again and again keep no right ones out', () => {
  const { net, poison, fetchBy, cache, faults, sourceStack } = world();
  const chunk = net.publish(CHUNK_BYTES);
  poison(chunk);
  fetchBy(0, chunk);
  cache.remove(chunk.cid.id);
  poison(chunk);
  expect(cache.counters).toMatchObject({ foundWrong: 1, wrongHash: 1 });
  expect(fetchBy(1, chunk).got).toEqual(chunk.bytes);
  poison(chunk);
  const asked = sourceStack.counters()['delivery']!['chunk-request'];
  const last = fetchBy(0, chunk);
  expect(last.got).toEqual(chunk.bytes);
  // By the cache, in a tenth of the time.
  expect(last.tookMs).toBeLessThan(10);
  expect(sourceStack.counters()['delivery']!['chunk-request']).toBe(asked);
  expect(faults()).toEqual([]);
});
