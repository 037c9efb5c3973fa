import { concatBytes } from '../../../../xia-core/src/bytes/index.js';
import { nodeCrypto } from '../../../../xia-core/src/io/node-crypto.js';
import type { AttachOptions, MobilityLimits } from '../../../../xia-core/src/mobility/mobility-options.js';
import {
  MobilityKind,
  encodeBeaconMessage,
  encodeBindingAckMessage,
  encodePrepare,
  type BeaconMessage,
} from '../../../../xia-core/src/wire/mobility-messages.js';
import { bindingSchema, sealPrepare, sealRelay, type Binding, type Prepare } from '../../../../xia-core/src/wire/mobility-statements.js';
import { StatementKind, openStatement } from '../../../../xia-core/src/wire/statement.js';
import type { CryptoSuite, Identity } from '../../../../xia-core/src/xid/index.js';
import { ACCESS, Bench, UPLINK, adOf, bindingMessage, hidOf, keys, otherCertificate } from './bench.js';
import { fixedIdentity } from './fixed-identity.js';

/** The host that the guest is to come to. */
export const there = fixedIdentity(30);

const life = new Uint8Array(8).fill(1);

export function readBinding(bytes: Uint8Array): Binding {
  const opened = openStatement(bytes, StatementKind.BINDING, nodeCrypto, bindingSchema);
  if (!opened.ok) throw new Error(opened.reason);
  return opened.value;
}

/** A router's newest beacon as a host behind it relays it. */
export function relayed(router: Bench, host: Identity): BeaconMessage {
  const { beacon } = router.sentOf(MobilityKind.BEACON).at(-1)!.message;
  return { beacon, relays: [sealRelay({ hid: hidOf(host), beacon: nodeCrypto.hash(beacon), mtu: 1400, life }, host)] };
}

export function otherRouter(): Bench {
  const role = { kind: 'router', ad: adOf(keys.otherAd), certificate: otherCertificate, beacon: { mtu: 1500 } } as const;
  const bench = new Bench(role, keys.otherRouter);
  bench.timeout();
  return bench;
}

/** A guest that is bound by way of `keys.host`, and the two ends of a move. */
export class PreparingGuest {
  readonly here = Bench.router();
  readonly away = otherRouter();
  readonly guest: Bench;
  #sequence = 1000;

  constructor(attach: AttachOptions = {}, limits: MobilityLimits = {}, crypto: CryptoSuite = nodeCrypto) {
    this.guest = new Bench({ kind: 'application', attach }, keys.guest, limits, crypto);
    this.hear();
    this.answer();
  }

  /** It hears a beacon of where it is. */
  hear(): void {
    this.guest.receive(UPLINK, 1, encodeBeaconMessage(relayed(this.here, keys.host)));
  }

  /** Its newest binding is answered. */
  answer(): void {
    const { binding } = this.guest.sentOf(MobilityKind.BINDING).at(-1)!.message;
    this.here.receive(ACCESS, 5, bindingMessage(binding));
    this.guest.receive(UPLINK, 1, encodeBindingAckMessage(this.here.sentOf(MobilityKind.BINDING_ACK).at(-1)!.message));
  }

  /** Time passes for all. */
  pass(ms: number): void {
    for (const bench of [this.here, this.away, this.guest]) bench.pass(ms);
  }

  question(changes: Partial<Prepare> = {}, signer: Identity = keys.host, place = relayed(this.away, there), shown = place): Uint8Array {
    return encodePrepare({ prepare: this.statement(changes, signer, place), ...shown });
  }

  statement(changes: Partial<Prepare> = {}, signer: Identity = keys.host, place = relayed(this.away, there)): Uint8Array {
    return sealPrepare(
      {
        hid: hidOf(keys.guest),
        host: hidOf(signer),
        place: nodeCrypto.hash(concatBytes(place.beacon, ...place.relays)),
        sequence: ++this.#sequence,
        issuedMs: this.guest.wall(),
        lifetimeMs: 10_000,
        ...changes,
      },
      signer,
    );
  }

  /** All that it has signed for elsewhere and given to its host. */
  signed(): Binding[] {
    return this.guest.sentOf(MobilityKind.PREPARED).map(({ message }) => readBinding(message.binding));
  }

  count(name: string): number {
    return this.guest.mobility.counters.toJSON()[name] ?? 0;
  }
}
