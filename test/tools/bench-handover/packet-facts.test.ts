import {
  Dag,
  decodeMobilityMessage,
  encodeBindingAckMessage,
  encodeBindingMessage,
  encodeDgramHeader,
  encodePatch,
  encodeXip,
  MobilityKind,
  NextHeader,
  PrincipalType,
  SID_BOOTSTRAP,
  Xid,
} from 'xia-core';
import { describe, expect, it } from 'vitest';
import { factsOf } from '../../../tools/src/bench-handover/packet-facts.js';
import { makeStatementVectors } from '../../xia-core/wire/statement-vectors.js';

const [ad, hid] = ['a'.repeat(40), 'b'.repeat(40)];
const HOST = Dag.parse(`RE AD:${ad} HID:${hid}`);
const statement = (name: string) => makeStatementVectors().find((vector) => vector.name === name)!.bytes;

function packet(destination: Dag, payload: Uint8Array, nextHeader: number = NextHeader.TRANSPORT): Uint8Array {
  return encodeXip({ nextHeader, destination, source: HOST, payload: [encodeDgramHeader(), payload] });
}

const message = (payload: Uint8Array) => factsOf(packet(HOST.withIntent(SID_BOOTSTRAP), payload))?.mobility;

describe('factsOf', () => {
  it('has the HID that a message about mobility is about', () => {
    const [binding, ack] = [statement('binding'), statement('binding-ack')];
    const told = message(encodeBindingMessage({ binding }));
    expect(told).toEqual({ kind: MobilityKind.BINDING, hid: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(message(encodePatch({ binding, ack }))).toEqual({ kind: MobilityKind.PATCH, hid: told?.hid });
    const acked = encodeBindingAckMessage({ ack, hid: new Xid(PrincipalType.HID, new Uint8Array(20).fill(0xcd)) });
    expect(decodeMobilityMessage(acked).ok).toBe(true);
    expect(message(acked)).toEqual({ kind: MobilityKind.BINDING_ACK, hid: 'cd'.repeat(20) });
    expect(message(Uint8Array.of(3, 0xc0))).toBeUndefined();
  });

  it('has the destination of any other packet', () => {
    expect(factsOf(packet(HOST, new Uint8Array(8)))).toEqual({
      nextHeader: NextHeader.TRANSPORT,
      destinationIds: [ad, hid],
      mobility: undefined,
    });
    expect(factsOf(new Uint8Array(3))).toBeUndefined();
  });
});
