import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, DEFAULT_TIMERS } from '../../../xia-core/src/routing/settings.js';
import { MAX_HAVE, MAX_ROUTING_MESSAGE_BYTES, RoutingKind } from '../../../xia-core/src/wire/routing-messages.js';
import {
  FIRST_HOST_FRAGMENT,
  MAX_FRAGMENT_HOSTS,
  MAX_FRAGMENT_LINKS,
  MAX_HEARD,
  helloSchema,
  linkStateSchema,
} from '../../../xia-core/src/wire/routing-statements.js';
import { StatementKind } from '../../../xia-core/src/wire/statement.js';

const text = readFileSync(new URL('../../../docs/routing.md', import.meta.url), 'utf8');

/** The cells of the table row that starts with these cells. */
function row(...start: readonly (string | number)[]): string[] {
  const prefix = `| ${start.join(' | ')} |`;
  const line = text.split('\n').find((candidate) => candidate.startsWith(prefix));
  if (line === undefined) throw new Error(`docs/routing.md has no row "${prefix}"`);
  return line.split('|').map((cell) => cell.trim());
}

describe('docs/routing.md', () => {
  it.each([
    [StatementKind.HELLO, 'hello', helloSchema.entries],
    [StatementKind.LINK_STATE, 'link-state', linkStateSchema.entries],
  ])('lists the fields of statement %i, %s', (kind, name, entries) => {
    const fields = [...row(kind, name)[4]!.matchAll(/`(\w+)`/g)].map((match) => match[1]!);
    expect(fields).toEqual(Object.keys(entries));
  });

  it('lists every message', () => {
    for (const [name, kind] of Object.entries(RoutingKind)) expect(row(kind, name)).not.toEqual([]);
  });

  it('lists every setting with its default', () => {
    for (const [name, value] of Object.entries({ ...DEFAULT_TIMERS, ...DEFAULT_LIMITS })) {
      expect(row(`\`${name}\``, value), name).not.toEqual([]);
    }
  });

  it('tells how much fits', () => {
    expect(text).toContain(`at most ${MAX_ROUTING_MESSAGE_BYTES} bytes`);
    expect(text).toContain(`at most ${MAX_HAVE} of router, fragment, sequence`);
    expect(text).toContain(`\`heard\` has at most ${MAX_HEARD} pairs`);
    expect(text).toContain(`\`links\` ${MAX_FRAGMENT_LINKS} pairs`);
    expect(text).toContain(`\`hosts\` ${MAX_FRAGMENT_HOSTS} pairs`);
    expect(text).toContain(`have links (${FIRST_HOST_FRAGMENT * MAX_FRAGMENT_LINKS} at most)`);
  });
});
