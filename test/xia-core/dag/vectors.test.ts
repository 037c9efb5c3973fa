import { describe, expect, test } from 'vitest';
import { toHex } from '../../../xia-core/src/bytes/index.js';
import { Dag } from '../../../xia-core/src/dag/index.js';
import { clickVectors, libraryVectors } from '../../data/vectors.js';

/** Texts that Click reads by repairing an id that is too short, and one that it refuses for a dash after four edges. */
const repairedByClick = (text: string) => / HID:1$| AD:BADDAG$/.test(text);
const dashAfterFour = (text: string) => text.startsWith('DAG 3 2 1 0 - ');

test('the vectors are all there', () => {
  expect([clickVectors.length, libraryVectors.length]).toEqual([26, 16]);
});

describe('the Click parser', () => {
  for (const vector of clickVectors) {
    const { text } = vector;
    if (repairedByClick(text)) {
      test(`${text}: refused here`, () => {
        expect(Dag.tryParse(text)).toMatchObject({ reason: expect.stringContaining('hexadecimal digits') });
      });
    } else if (dashAfterFour(text)) {
      test(`${text}: read here, as without the dash`, () => {
        const without = clickVectors.find((other) => other.text === text.replace('3 2 1 0 - ', '3 2 1 0 '));
        expect(without!.outcome).toBe('valid');
        expect(toHex(Dag.parse(text).wire)).toBe(without!.nodes.join(''));
      });
    } else if (vector.outcome === 'valid') {
      test(text, () => {
        const dag = Dag.parse(text);
        expect(toHex(dag.wire)).toBe(vector.nodes.join(''));
        expect(dag.toString()).toBe(vector.canonical);
        expect(dag.toDagText()).toBe(vector.dag);
        expect(dag.toReText()).toBe(vector.canonical.startsWith('RE ') ? vector.canonical : null);
        for (const form of [vector.canonical, vector.dag]) expect(Dag.parse(form).equals(dag)).toBe(true);
        expect(Dag.fromWire(dag.wire, 0, vector.nodes.length).equals(dag)).toBe(true);
      });
    } else {
      test(`${text}: refused`, () => {
        expect(() => Dag.parse(text)).toThrow(expect.objectContaining({ code: 'bad-dag' }));
      });
    }
  }
});

describe('the C++ library', () => {
  for (const { text, crashed, printed } of libraryVectors) {
    const click = clickVectors.find((vector) => vector.text === text);
    const wellFormed = !crashed && click?.outcome !== 'parse-fail' && !printed.includes('SOURCE');
    if (!wellFormed) {
      test(`${text}: refused`, () => {
        expect(() => Dag.parse(text)).toThrow(expect.objectContaining({ code: 'bad-dag' }));
      });
      continue;
    }
    test(`${JSON.stringify(printed)}: its multi-line form is read`, () => {
      const dag = Dag.parse(printed);
      // The library links the nodes of a fallback path in a plain chain; Click, and we, let each try the primary first.
      if (text.startsWith('DAG') || !text.includes('(')) expect(dag.equals(Dag.parse(text))).toBe(true);
      expect(dag.equals(Dag.parse(printed.replaceAll('\n', '')))).toBe(true);
      expect(dag.equals(Dag.parse(printed.replaceAll('\n', '\r\n')))).toBe(true);
    });
  }
});
