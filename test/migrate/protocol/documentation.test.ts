import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { abortCodeNames } from '../../../migrate/src/protocol/abort-code.js';
import { checkMessage } from '../../../migrate/src/protocol/messages.js';
import { ownershipPhases } from '../../../migrate/src/state/index.js';

const text = readFileSync(new URL('../../../docs/migration-protocol.md', import.meta.url), 'utf8');

it('names every abort code and every phase', () => {
  for (const code of abortCodeNames) expect(text).toContain(`\`${code}\``);
  for (const [role, phases] of Object.entries(ownershipPhases)) {
    for (const phase of phases) expect(text).toContain(`| ${role} | \`${phase}\` |`);
  }
});

it('lists the messages that there are', () => {
  const section = text.split('## Messages')[1]!.split('\n## ')[0]!;
  const listed = [...section.matchAll(/^\| `([a-z]+)` \|/gm)].map((match) => match[1]!);
  expect(listed).toHaveLength(10);
  // An unknown type is refused for its type; a known one, empty, for a field that it lacks or not at all.
  const refusedForType = (type: string) => {
    const checked = checkMessage({ type });
    return !checked.ok && checked.reason.startsWith('type:');
  };
  expect(refusedForType('nonsense')).toBe(true);
  for (const type of listed) expect(refusedForType(type), type).toBe(false);
});
