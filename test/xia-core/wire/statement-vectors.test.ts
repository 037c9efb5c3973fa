import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../xia-core/src/bytes/index.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { StatementVerifier } from '../../../xia-core/src/mobility/verify.js';
import { verifyRecord } from '../../../xia-core/src/mobility/verify-record.js';
import { unpackBody } from '../../../xia-core/src/wire/msgpack.js';
import { fixedIdentity } from '../mobility/support/fixed-identity.js';
import { makeStatementVectors, vectorSeeds } from './statement-vectors.js';

interface VectorFile {
  readonly keys: Record<string, { seed: string; publicKey: string; id: string }>;
  readonly statements: ReadonlyArray<{ kind: number; name: string; signer: string; body: unknown; bytes: string }>;
}

const file = JSON.parse(readFileSync(new URL('../../data/statements.json', import.meta.url), 'utf8')) as VectorFile;

/** msgpack values as the JSON file writes them: bytes in hexadecimal. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, readable(item)]));
}

describe('the published statement vectors', () => {
  it('name the keys that they are made from', () => {
    const keys = Object.entries(vectorSeeds).map(([name, seed]) => {
      const { publicKey, id } = fixedIdentity(seed);
      return [name, { seed: seed.toString(16).padStart(64, '0'), publicKey: toHex(publicKey), id: toHex(id) }];
    });
    expect(file.keys).toEqual(Object.fromEntries(keys));
  });

  it('are what the code makes of the same keys and bodies, byte for byte', () => {
    const made = makeStatementVectors().map(({ kind, name, signer, bytes }) => {
      const body = unpackBody(bytes.subarray(98));
      return { kind, name, signer, body: body.ok ? readable(body.value) : body.reason, bytes: toHex(bytes) };
    });
    expect(made).toEqual(file.statements);
  });

  it('are good statements', () => {
    const verifier = new StatementVerifier({ crypto: nodeCrypto });
    const bytesOf = (name: string): Uint8Array => {
      const found = file.statements.find((statement) => statement.name === name);
      return new Uint8Array(Buffer.from(found!.bytes, 'hex'));
    };
    const wallNow = 1_800_000_000_100;
    expect(verifier.beacon(bytesOf('beacon'), [bytesOf('relay')], wallNow)).toMatchObject({ ok: true, value: { mtu: 1400 } });
    expect(verifier.proof(bytesOf('binding'), bytesOf('binding-ack'), wallNow)).toMatchObject({ ok: true });
    expect(verifyRecord(bytesOf('record'), nodeCrypto)).toMatchObject({ ok: true, record: { name: 'calc.example' } });
  });
});
