import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MobilityKind,
  decodeMobilityMessage,
  encodeBeaconMessage,
  encodeBindingAckMessage,
  encodeNotice,
  encodeNoticeAck,
  encodePrepare,
  encodePrepared,
  encodePatch,
  encodePatchAck,
  encodeSolicit,
} from '../../../xia-core/src/wire/mobility-messages.js';
import { sealNotice } from '../../../xia-core/src/wire/mobility-statements.js';
import { decodeNameMessage } from '../../../xia-core/src/wire/name-messages.js';
import { ACCESS, Bench, PEER, UPLINK, bindingMessage, bindingOf, hidOf, keys } from './support/bench.js';

describe('messages that nobody sent', () => {
  const router = Bench.router({ messagesPerSecond: 1e9, bindingsPerSecond: 1e9 });
  const binding = bindingOf(router.lastBeacon());
  const beacon = router.sentOf(MobilityKind.BEACON)[0]!.message;
  router.receive(ACCESS, 7, bindingMessage(binding));
  const { message: ack } = router.sentOf(MobilityKind.BINDING_ACK)[0]!;
  const notice = sealNotice(
    {
      hid: hidOf(keys.guest),
      host: hidOf(keys.host),
      router: hidOf(keys.router),
      phase: 'paused',
      sequence: 1,
      issuedMs: router.wall(),
      lifetimeMs: 5000,
    },
    keys.host,
  );
  const real = [
    bindingMessage(binding),
    encodeBeaconMessage(beacon),
    encodeBindingAckMessage(ack),
    encodePatch({ binding, ack: ack.ack }),
    encodePatchAck({ hid: hidOf(keys.guest), sequence: 1 }),
    encodeSolicit(hidOf(keys.guest)),
    encodeNotice({ notice }),
    encodePrepare({ prepare: notice, beacon: notice, relays: [notice] }),
    encodePrepared({ binding: notice }),
    encodeNoticeAck({ hid: hidOf(keys.guest), host: hidOf(keys.host), sequence: 1, status: 'ok' }),
  ];

  it('never throw, and turn no route', () => {
    const mutation = fc.record({
      index: fc.nat(real.length - 1),
      edits: fc.array(fc.record({ at: fc.nat(900), value: fc.nat(255) }), { minLength: 1, maxLength: 4 }),
      cut: fc.option(fc.nat(900)),
      face: fc.constantFrom(ACCESS, UPLINK, PEER),
      neighbour: fc.nat(9),
    });
    const nodes = [router, new Bench({ kind: 'host', mtu: 1500 }, keys.host), new Bench({ kind: 'transit' }, keys.otherRouter)];
    const before = nodes.map(({ routes }) => JSON.stringify([...routes]));
    fc.assert(
      fc.property(mutation, ({ index, edits, cut, face, neighbour }) => {
        const bytes = real[index]!.slice(0, cut ?? undefined);
        for (const { at, value } of edits) if (at < bytes.length) bytes[at] = value;
        // The unchanged patch is a good one; a node without the binding would rightly follow it.
        if (Buffer.compare(bytes, real[3]!) === 0) return;
        for (const node of nodes) node.receive(face, neighbour, bytes);
        expect(nodes.map(({ routes }) => JSON.stringify([...routes]))).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });

  it('are decoded or refused, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(10), (bytes, kind) => {
        const payload = Uint8Array.of(kind, ...bytes);
        expect(typeof decodeMobilityMessage(payload).ok).toBe('boolean');
        expect(typeof decodeNameMessage(payload).ok).toBe('boolean');
      }),
    );
  });
});
