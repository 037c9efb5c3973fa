import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MobilityKind } from '../../../xia-core/src/wire/mobility-messages.js';
import {
  beaconSchema,
  bindingAckSchema,
  bindingSchema,
  bindingStatuses,
  certificateSchema,
  noticePhases,
  noticeSchema,
  noticeStatuses,
  prepareSchema,
  relaySchema,
} from '../../../xia-core/src/wire/mobility-statements.js';
import { NameKind, nameStatuses, recordSchema } from '../../../xia-core/src/wire/name-messages.js';
import { StatementKind } from '../../../xia-core/src/wire/statement.js';

const text = readFileSync(new URL('../../../docs/mobility.md', import.meta.url), 'utf8');

/** The cells of the table row that starts with these cells. */
function row(...start: readonly (string | number)[]): string[] {
  const prefix = `| ${start.join(' | ')} |`;
  const line = text.split('\n').find((candidate) => candidate.startsWith(prefix));
  if (line === undefined) throw new Error(`docs/mobility.md has no row "${prefix}"`);
  return line.split('|').map((cell) => cell.trim());
}

const fieldsIn = (cell: string | undefined): string[] => [...(cell ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1]!);

describe('docs/mobility.md', () => {
  it.each([
    [StatementKind.CERTIFICATE, 'certificate', certificateSchema.entries],
    [StatementKind.BEACON, 'beacon', beaconSchema.entries],
    [StatementKind.RELAY, 'relay', relaySchema.entries],
    [StatementKind.BINDING, 'binding', bindingSchema.entries],
    [StatementKind.BINDING_ACK, 'binding-ack', bindingAckSchema.entries],
    [StatementKind.RECORD, 'record', recordSchema.entries],
    [StatementKind.NOTICE, 'notice', noticeSchema.entries],
    [StatementKind.PREPARE, 'prepare', prepareSchema.entries],
  ])('lists the fields of statement %i, %s', (kind, name, entries) => {
    expect(fieldsIn(row(kind, name)[4])).toEqual(Object.keys(entries));
  });

  it('lists every message', () => {
    for (const [name, kind] of Object.entries({ ...MobilityKind, ...NameKind })) expect(row(kind, name)).not.toEqual([]);
  });

  it('lists every status', () => {
    for (const status of [...bindingStatuses, ...nameStatuses, ...noticeStatuses, ...noticePhases]) expect(text).toContain(`\`${status}\``);
  });
});
