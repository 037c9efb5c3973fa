import { encodeRedirect } from '../../../../xia-core/src/wire/mobility-messages.js';
import { sealBinding, sealBindingAck, type Binding, type BindingAck } from '../../../../xia-core/src/wire/mobility-statements.js';
import type { Identity } from '../../../../xia-core/src/xid/index.js';
import { WALL, adOf, hidOf, keys, otherCertificate } from './bench.js';

export interface Changes {
  readonly binding?: Partial<Binding>;
  readonly ack?: Partial<BindingAck>;
  readonly signer?: Identity;
  readonly gateway?: Identity;
}

/** A redirect: the guest has left the AD for the other one. With what the test wants different. */
export function redirectOf({ binding = {}, ack = {}, signer = keys.guest, gateway = keys.otherRouter }: Changes = {}): Uint8Array {
  const place = { hid: hidOf(keys.guest), ad: adOf(keys.otherAd), router: hidOf(keys.otherRouter), sequence: 200 };
  const token = new Uint8Array(16);
  const bound = {
    ...place,
    issuedMs: WALL,
    lifetimeMs: 30_000,
    token,
    previousAds: [adOf(keys.ad)],
    accessPoint: place.router,
    ...binding,
  };
  const granted = {
    hid: bound.hid,
    ad: bound.ad,
    router: bound.router,
    sequence: bound.sequence,
    issuedMs: WALL,
    status: 'ok',
    lifetimeMs: bound.lifetimeMs,
    certificate: otherCertificate,
    ...ack,
  } as const;
  return encodeRedirect({ binding: sealBinding(bound, signer), ack: sealBindingAck(granted, gateway) });
}
