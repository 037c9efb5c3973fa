import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { linkDropReasons, linkPresets, parseTopology, shapeKeys } from 'xia-core';
import { codeBlocks, codeSpans } from '../repository/markdown.js';
import { labTransports } from './lab-case.js';

const text = readFileSync(new URL('../../docs/laboratory.md', import.meta.url), 'utf8');

/** The rows of the table with this first cell in its head: the first two cells of each, the first without its quotes. */
function rows(head: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`)) + 2;
  const end = lines.findIndex((line, index) => index >= start && !line.startsWith('|'));
  return lines.slice(start, end).map((line) =>
    line
      .split('|')
      .slice(1, 3)
      .map((cell) => cell.trim()),
  );
}

describe('docs/laboratory.md', () => {
  it('lists every link with what it is', () => {
    expect(rows('link')).toEqual(Object.entries(linkPresets).map(([name, { description }]) => [`\`${name}\``, description]));
  });

  it('lists every property with what it says', () => {
    expect(rows('property')).toEqual(shapeKeys.map(({ name, meaning }) => [`\`${name}\``, meaning]));
  });

  it('names every reason of a loss, and every transport', () => {
    expect(codeSpans(text)).toEqual(expect.arrayContaining([...linkDropReasons, ...labTransports]));
  });

  it('has a network that can be read', () => {
    const sample = codeBlocks(text).find(({ language }) => language === 'topology');
    expect(parseTopology(sample!.code)).toMatchObject({ nodes: { length: 4 }, links: { length: 3 } });
  });
});
