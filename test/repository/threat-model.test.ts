import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/threat-model.md', root), 'utf8');
const section = text.slice(text.indexOf('\n## Attacks'), text.indexOf('\n## What is not defended'));
const rows = section
  .split('\n')
  .filter((line) => /^\| (?!attack |---)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()));

/** The titles of the tests in a file, as they are written there. */
function titles(file: string): string[] {
  const code = readFileSync(new URL(file, root), 'utf8');
  // A title is the first text of `it(`, or of what follows the table of `it.each(...)`.
  return [...code.matchAll(/(?:\bit\(|\)\(|\]\)\()\s*'((?:[^'\\\n]|\\.)*)'/g)].map((match) => match[1]!.replaceAll("\\'", "'"));
}

describe('docs/threat-model.md', () => {
  it('has a table of attacks', () => {
    expect(rows.length).toBeGreaterThan(30);
    for (const row of rows) expect(row, row.join(' | ')).toHaveLength(6);
  });

  it.each(rows.map((row) => [row[1]!, row[4]!]))('names a test that there is: %s', (_attack, cell) => {
    const [, file = '', title = ''] = /^`(test\/[\w./-]+\.test\.ts)`: (.+)$/.exec(cell) ?? [];
    expect(existsSync(new URL(file, root)), file).toBe(true);
    expect(titles(file)).toContain(title);
  });

  it('names source files that there are', () => {
    const names = new Set(rows.flatMap((row) => [...row[3]!.matchAll(/`([\w-]+\.ts)`/g)].map((match) => match[1]!)));
    const folders = ['bytes', 'wire', 'mobility', 'routing', 'transport', 'content', 'stack'];
    const missing = [...names].filter((name) => !folders.some((folder) => existsSync(new URL(`xia-core/src/${folder}/${name}`, root))));
    expect(missing).toEqual([]);
  });
});
