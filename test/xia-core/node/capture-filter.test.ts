import { describe, expect, test } from 'vitest';
import { CaptureFilter, Dag, encodeXip, NextHeader } from 'xia-core';

const HOST = `HID:${'b'.repeat(40)}`;
const destination = Dag.parse(`RE AD:${'a'.repeat(40)} ${HOST} SID:${'c'.repeat(40)}`);
const source = Dag.parse(`RE AD:${'a'.repeat(40)} HID:${'d'.repeat(40)}`);

const packet = (nextHeader: number) => encodeXip({ nextHeader, destination, source, payload: new Uint8Array(8) });

function matches(text: string, nextHeader: number = NextHeader.XCMP): boolean {
  return CaptureFilter.parse(text).matches({ face: 'access', direction: 'in', bytes: packet(nextHeader) });
}

describe('a filter', () => {
  test.each([
    '',
    'in',
    'in out',
    'face access',
    'face up face access',
    'xcmp',
    'chunk xcmp',
    'next 61',
    `host ${HOST}`,
    `host HID:${'d'.repeat(40)}`,
    `host HID:${'e'.repeat(40)} host ${HOST}`,
    `in and xcmp and host SID:${'C'.repeat(40)} and face access`,
  ])('takes by "%s"', (text) => {
    expect(matches(text)).toBe(true);
  });

  test.each([
    'out',
    'face up',
    'dgram',
    'chunk stream',
    'next 12',
    `host AD:${'b'.repeat(40)}`,
    `host HID:${'e'.repeat(40)}`,
    `out xcmp`,
    `xcmp host HID:${'e'.repeat(40)}`,
  ])('leaves by "%s"', (text) => {
    expect(matches(text)).toBe(false);
  });

  test('knows the protocols by their names', () => {
    for (const [name, nextHeader] of [
      ['xcmp', NextHeader.XCMP],
      ['dgram', NextHeader.TRANSPORT],
      ['chunk', NextHeader.CHUNK],
      ['stream', NextHeader.STREAM],
    ] as const) {
      expect(matches(name, nextHeader)).toBe(true);
      expect(matches(name, NextHeader.NONE)).toBe(false);
    }
  });

  test('takes what is no packet only when it asks nothing of the packet', () => {
    const bytes = Uint8Array.of(9, 9);
    const asked = (text: string) => CaptureFilter.parse(text).matches({ face: 'access', direction: 'in', bytes });
    expect([asked(''), asked('in'), asked('xcmp'), asked(`host ${HOST}`)]).toEqual([true, true, false, false]);
  });

  test.each([
    ['tcp', '"tcp" is no term'],
    ['host', '"host" needs a value'],
    ['face', '"face" needs a value'],
    ['next 256', '"next 256" needs a number'],
    ['next x', '"next x" needs a number'],
    ['host R1', '"host R1" needs an XID'],
  ])('refuses "%s"', (text, reason) => {
    expect(() => CaptureFilter.parse(text)).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringContaining(reason) }));
  });
});
