import { describe, expect, it } from 'vitest';
import { configDifferences, valueText } from '../../../xia-core/src/app/config-differences.js';

const rules = { name: 'a', 'log.level': 'b', 'log.file': 'c', table: 'd' } as const;

describe('differences of configurations', () => {
  it('are told key by key, with the rule of each', () => {
    const from = { name: 'R', log: { level: 'info' }, table: { x: 1 } };
    const to = { log: { file: 'f', level: 'info' }, name: 'S', table: { x: 2, y: 3 } };
    expect(configDifferences(from, to, rules)).toEqual([
      { path: 'log.file', rule: 'c', from: undefined, to: 'f' },
      { path: 'name', rule: 'a', from: 'R', to: 'S' },
      { path: 'table', rule: 'd', from: { x: 1 }, to: { x: 2, y: 3 } },
    ]);
  });

  it('see a part that is missing as one without keys', () => {
    expect(configDifferences({}, { log: { level: 'info' } }, rules)).toEqual([
      { path: 'log.level', rule: 'b', from: undefined, to: 'info' },
    ]);
    expect(configDifferences({ log: {} }, {}, rules)).toEqual([]);
  });

  it('have no rule where none was made', () => {
    const found = configDifferences({ log: { colour: { x: 1 } } }, { log: { colour: { x: 2 } }, other: 1 }, rules);
    expect(found.map(({ path, rule }) => [path, rule])).toEqual([
      ['log.colour', undefined],
      ['other', undefined],
    ]);
  });

  it('do not see the order of keys, nor what is undefined', () => {
    expect(
      configDifferences({ name: 'R', log: undefined, trust: [{ b: 1, a: 2 }] }, { trust: [{ a: 2, b: 1 }], name: 'R' }, rules),
    ).toEqual([]);
    expect(valueText({ b: [1], a: undefined })).toBe('{"b":[1]}');
  });
});
