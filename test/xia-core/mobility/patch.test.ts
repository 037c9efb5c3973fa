import { beforeEach, describe, expect, it } from 'vitest';
import { MobilityKind, encodePatch } from '../../../xia-core/src/wire/mobility-messages.js';
import { sealBindingAck, type Binding, type BindingAck } from '../../../xia-core/src/wire/mobility-statements.js';
import type { Identity } from '../../../xia-core/src/xid/index.js';
import { ACCESS, Bench, PEER, WALL, adOf, bindingMessage, bindingOf, certificate, hidOf, keys, otherCertificate } from './support/bench.js';

const guest = hidOf(keys.guest);
const from = { face: PEER, neighbour: 2 };

/** A patch as the gateway of the other AD would send it. */
function patch(
  changes: { binding?: Partial<Binding>; ack?: Partial<BindingAck>; ackSigner?: Identity; bindingSigner?: Identity } = {},
): Uint8Array {
  const sequence = changes.binding?.sequence ?? 200;
  const binding = bindingOf(
    { ad: adOf(keys.otherAd), hid: hidOf(keys.otherRouter), token: new Uint8Array(16) } as never,
    { sequence, previousAds: [adOf(keys.ad)], ...changes.binding },
    changes.bindingSigner,
  );
  const ack = sealBindingAck(
    {
      hid: guest,
      ad: adOf(keys.otherAd),
      router: hidOf(keys.otherRouter),
      sequence,
      issuedMs: WALL + 1000,
      status: 'ok',
      lifetimeMs: 30_000,
      certificate: otherCertificate,
      ...changes.ack,
    },
    changes.ackSigner ?? keys.otherRouter,
  );
  return encodePatch({ binding, ack });
}

describe('a node that is patched', () => {
  let router: Bench;
  const count = (name: string): number => router.mobility.counters.toJSON()[name] ?? 0;

  beforeEach(() => {
    router = Bench.router();
    // The guest sits behind a host of this router.
    const binding = bindingOf(router.lastBeacon(), { accessPoint: hidOf(keys.host) });
    router.receive(ACCESS, 7, bindingMessage(binding));
    router.sent.length = 0;
  });

  it('points to where the patch came from, answers, and tells the host', () => {
    router.receive(from.face, from.neighbour, patch());
    expect(router.routes.get(guest.key)).toEqual(from);
    expect(router.sentOf(MobilityKind.PATCH_ACK)).toMatchObject([{ ...from, message: { hid: guest, sequence: 200 } }]);
    expect(router.sentOf(MobilityKind.PATCH)).toMatchObject([{ face: ACCESS, neighbour: 7 }]);
    expect(router.events.at(-1)).toMatchObject({ kind: 'patched', hid: guest, hop: from, sequence: 200 });
  });

  it('goes on to other former ADs, but never back', () => {
    router.adRoutes.set(adOf(keys.mallory).key, { face: PEER, neighbour: 0 });
    router.receive(from.face, from.neighbour, patch({ binding: { previousAds: [adOf(keys.mallory)] } }));
    expect(router.sentOf(MobilityKind.PATCH)).toHaveLength(1);
  });

  it('answers an equal or lower sequence, and changes nothing', () => {
    router.receive(from.face, from.neighbour, patch());
    router.receive(PEER, 9, patch());
    router.receive(PEER, 9, patch({ binding: { sequence: 150 } }));
    expect(router.routes.get(guest.key)).toEqual(from);
    expect(count('patch:duplicate')).toBe(1);
    expect(count('patch:stale')).toBe(1);
    expect(router.sentOf(MobilityKind.PATCH_ACK)).toHaveLength(3);
  });

  it('removes the route of a node that detached elsewhere', () => {
    router.receive(from.face, from.neighbour, patch({ binding: { lifetimeMs: 0 }, ack: { lifetimeMs: 0 } }));
    expect(router.routes.size).toBe(0);
  });

  it('turns back when the node binds here again', () => {
    router.receive(from.face, from.neighbour, patch());
    router.sent.length = 0;
    router.timeout();
    router.pass(200);
    router.receive(ACCESS, 8, bindingMessage(bindingOf(router.lastBeacon(), { sequence: 300 })));
    expect(router.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 8 });
    const patched = router.sentOf(MobilityKind.PATCH).filter(({ message }) => message.binding.length > 0);
    expect(patched.some(({ face, neighbour }) => face === from.face && neighbour === from.neighbour)).toBe(true);
  });

  it.each<[string, () => Uint8Array, string]>([
    ['signed by somebody else', () => patch({ bindingSigner: keys.mallory }), 'patch:wrong-signer'],
    ['whose ack is by no gateway', () => patch({ ackSigner: keys.mallory }), 'patch:wrong-signer'],
    ['whose ack is for another sequence', () => patch({ ack: { sequence: 201 } }), 'patch:mismatch'],
    ['whose ack is for another node', () => patch({ ack: { hid: hidOf(keys.mallory) } }), 'patch:mismatch'],
    ['whose ack refused', () => patch({ ack: { status: 'frozen' } }), 'patch:mismatch'],
    ['that is granted longer than asked', () => patch({ ack: { lifetimeMs: 40_000 } }), 'patch:mismatch'],
    ['whose gateway has the certificate of another', () => patch({ ack: { certificate } }), 'patch:bad-certificate'],
    ['whose ack is too old', () => patch({ ack: { issuedMs: WALL - 120_000 } }), 'patch:expired'],
    ['whose ack is of next week', () => patch({ ack: { issuedMs: WALL + 7 * 86_400_000 } }), 'patch:future'],
  ])('does not follow a patch %s', (_name, make, counter) => {
    router.receive(from.face, from.neighbour, make());
    expect(count(counter)).toBe(1);
    expect(router.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
    expect(router.sent).toEqual([]);
  });

  it('does not follow a patch from an access face', () => {
    router.receive(ACCESS, 7, patch());
    expect(count('patch:from-access')).toBe(1);
    expect(router.routes.get(guest.key)).toEqual({ face: ACCESS, neighbour: 7 });
  });

  it('is not talked out of its own HID', () => {
    const node = new Bench({ kind: 'application' }, keys.guest);
    node.receive(from.face, from.neighbour, patch());
    expect(node.routes.size).toBe(0);
    expect(node.mobility.counters.get('patch:own-hid')).toBe(1);
    expect(node.sentOf(MobilityKind.PATCH_ACK)).toHaveLength(1);
  });

  it('keeps the proof, to show it to the source of a packet', () => {
    router.receive(from.face, from.neighbour, patch());
    expect(router.mobility.proofOf(guest)?.binding.sequence).toBe(200);
  });
});
