import { describe, expect, test } from 'vitest';
import {
  Dag,
  encodeBeaconMessage,
  encodeDgramHeader,
  encodeHave,
  encodeKindMessage,
  encodeNotice,
  encodeNoticeAck,
  encodePatch,
  encodePrepare,
  encodePrepared,
  encodeQuery,
  encodeRedirect,
  encodeReply,
  encodeRoutingStatement,
  encodeXip,
  NextHeader,
  RoutingKind,
  SID_BOOTSTRAP,
  SID_NAME_SERVICE,
  SID_ROUTING,
  Xid,
} from 'xia-core';
import { decodePacket } from '../../../tools/src/xdump/decode-packet.js';
import { recordText } from '../../../tools/src/xdump/describe.js';
import { makeStatementVectors } from '../../xia-core/wire/statement-vectors.js';

const HOST = Dag.parse(`RE AD:${'a'.repeat(40)} HID:${'b'.repeat(40)} SID:${'c'.repeat(40)}`);

const statement = (name: string) => makeStatementVectors().find((vector) => vector.name === name)!.bytes;

function datagram(payload: Uint8Array, sid: Xid, isAnswer = false): Uint8Array {
  const service = HOST.withIntent(sid);
  return encodeXip({
    nextHeader: NextHeader.TRANSPORT,
    destination: isAnswer ? HOST : service,
    source: isAnswer ? service : HOST,
    payload: [encodeDgramHeader(), payload],
  });
}

const upperOf = (packet: Uint8Array) => (decodePacket(packet) as unknown as { upper: Record<string, unknown> }).upper;

describe('datagrams of the well-known services', () => {
  test('a beacon with its certificate and relays', () => {
    const packet = datagram(encodeBeaconMessage({ beacon: statement('beacon'), relays: [statement('relay')] }), SID_BOOTSTRAP);
    const ad = expect.stringMatching(/^AD:[0-9a-f]{40}$/);
    expect(upperOf(packet)).toMatchObject({
      protocol: 'dgram',
      service: 'bootstrap',
      message: {
        kind: 'beacon',
        beacon: {
          statement: 'beacon',
          version: 1,
          signatureValid: true,
          body: { ad, intervalMs: 100, mtu: 1500, certificate: { statement: 'certificate', signatureValid: true, body: { ad } } },
        },
        relays: [{ statement: 'relay', signatureValid: true, body: { mtu: 1400 } }],
      },
    });
    expect(recordText({}, decodePacket(packet))).toMatch(
      /^DGRAM bootstrap beacon AD:[0-9a-f]{40} HID:[0-9a-f]{40} sequence 1800000000000, /,
    );
  });

  test('a patch, with a signature that is not right', () => {
    const binding = statement('binding').slice();
    binding[40]! ^= 1;
    const packet = datagram(encodePatch({ binding, ack: statement('binding-ack') }), SID_BOOTSTRAP);
    expect(upperOf(packet)).toMatchObject({
      message: {
        kind: 'patch',
        binding: { statement: 'binding', signatureValid: false, body: { lifetimeMs: 30_000, previousAds: [`AD:${'a'.repeat(40)}`] } },
        ack: { statement: 'binding-ack', signatureValid: true, body: { status: 'ok' } },
      },
    });
    expect(recordText({}, decodePacket(packet))).toContain('(bad signature)');
  });

  test('a question to prepare, and the answer', () => {
    const [prepare, beacon, relays] = [statement('prepare'), statement('beacon'), [statement('relay')]];
    const asked = datagram(encodePrepare({ prepare, beacon, relays }), SID_BOOTSTRAP);
    expect(upperOf(asked)).toMatchObject({
      message: {
        kind: 'prepare',
        prepare: { statement: 'prepare', signatureValid: true, body: { lifetimeMs: 10_000 } },
        beacon: { statement: 'beacon', signatureValid: true },
        relays: [{ statement: 'relay', signatureValid: true }],
      },
    });
    const signed = datagram(encodePrepared({ binding: statement('binding') }), SID_BOOTSTRAP);
    expect(upperOf(signed)).toMatchObject({ message: { kind: 'prepared', binding: { statement: 'binding', signatureValid: true } } });
  });

  test('a notice and its answer', () => {
    const packet = datagram(encodeNotice({ notice: statement('notice') }), SID_BOOTSTRAP);
    expect(upperOf(packet)).toMatchObject({
      message: { kind: 'notice', notice: { statement: 'notice', signatureValid: true, body: { phase: 'coming', lifetimeMs: 60_000 } } },
    });
    const hid = Xid.parse(`HID:${'d'.repeat(40)}`);
    const answer = datagram(encodeNoticeAck({ hid, host: hid, sequence: 7, status: 'frozen' }), SID_BOOTSTRAP);
    expect(upperOf(answer)).toMatchObject({ message: { kind: 'notice-ack', hid: hid.toString(), sequence: 7, status: 'frozen' } });
  });

  test('a redirect', () => {
    const packet = datagram(encodeRedirect({ binding: statement('binding'), ack: statement('binding-ack') }), SID_BOOTSTRAP);
    expect(upperOf(packet)).toMatchObject({
      message: {
        kind: 'redirect',
        binding: { statement: 'binding', signatureValid: true },
        ack: { statement: 'binding-ack', signatureValid: true },
      },
    });
    expect(recordText({}, decodePacket(packet))).toMatch(/^DGRAM bootstrap redirect /);
  });

  test('names, asked for and answered', () => {
    expect(upperOf(datagram(encodeQuery({ id: 7, name: 'vm.xia' }), SID_NAME_SERVICE))).toMatchObject({
      service: 'name-service',
      message: { kind: 'query', id: 7, name: 'vm.xia' },
    });
    const reply = datagram(encodeReply({ id: 7, status: 'ok', record: statement('record') }), SID_NAME_SERVICE, true);
    expect(upperOf(reply)).toMatchObject({
      service: 'name-service',
      message: {
        kind: 'reply',
        status: 'ok',
        record: { statement: 'record', body: { name: 'calc.example', dag: expect.stringMatching(/^RE /) } },
      },
    });
    expect(recordText({}, decodePacket(reply))).toContain('name-service reply calc.example ok');
  });

  test('messages of routers', () => {
    expect(upperOf(datagram(encodeRoutingStatement(RoutingKind.HELLO, statement('hello')), SID_ROUTING))).toMatchObject({
      service: 'routing',
      message: {
        kind: 'hello',
        statement: {
          statement: 'hello',
          signatureValid: true,
          body: { helloMs: expect.any(Number), certificate: { statement: 'certificate' } },
        },
      },
    });
    const hid = Xid.parse(`HID:${'d'.repeat(40)}`);
    const have = encodeHave([{ router: hid, fragment: 16, sequence: 7 }]);
    expect(upperOf(datagram(have, SID_ROUTING))).toMatchObject({
      message: { kind: 'have', have: [{ router: hid.toString(), fragment: 16, sequence: 7 }] },
    });
  });

  test('messages of kinds that are not known, by their form', () => {
    const message = encodeKindMessage(9, { area: 1, links: [statement('certificate')] }, 2048);
    expect(upperOf(datagram(message, SID_ROUTING))).toMatchObject({
      service: 'routing',
      message: { kind: 9, body: { area: 1, links: [{ statement: 'certificate', signatureValid: true }] } },
    });
    const unknown = Uint8Array.from(statement('certificate'));
    unknown[0] = 33;
    expect(upperOf(datagram(encodeKindMessage(99, { it: unknown }, 2048), SID_BOOTSTRAP))).toMatchObject({
      message: { kind: 99, body: { it: { statement: 33, body: { notBefore: 1_800_000_000_000 } } } },
    });
  });

  test('what is no message says so, and its bytes are there', () => {
    expect(upperOf(datagram(Uint8Array.of(1, 2, 3), SID_BOOTSTRAP))).toMatchObject({
      data: '010203',
      message: { error: 'bootstrap message: bad-body' },
    });
    expect(upperOf(datagram(new Uint8Array(0), SID_NAME_SERVICE))).toMatchObject({ message: { error: 'name-service message: empty' } });
  });
});
