import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findQemuStreamEnd, StreamEndWatch } from '../../../migrate/src/protocol/qemu-stream-end.js';

const header = Buffer.from('5145564d00000003', 'hex');
const lastSection = Buffer.from('0102030405067e00000028', 'hex');

function description(length: number): Buffer {
  const json = Buffer.alloc(length, 'x');
  json[0] = 0x7b;
  const head = Buffer.from([0x06, 0, 0, 0, 0]);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, json]);
}

const complete = Buffer.concat([header, lastSection, Buffer.from([0]), description(300)]);

describe('the end of a QEMU stream', () => {
  it('is the marker before the description', () => {
    expect(findQemuStreamEnd(complete)).toBe(306);
  });

  it('is the last byte without a description', () => {
    expect(findQemuStreamEnd(Buffer.concat([header, lastSection, Buffer.from([0])]))).toBe(1);
  });

  it('is missing from a stream that stops anywhere before', () => {
    for (let end = 0; end < complete.length; end++) {
      // The marker alone, without the description that QEMU also writes, ends a stream as well.
      if (end === header.length + lastSection.length + 1) continue;
      expect(findQemuStreamEnd(complete.subarray(0, end)), `cut at ${end}`).toBeUndefined();
    }
  });

  it('is judged the same whatever the pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), fc.boolean(), (sizes, cut) => {
        const stream = cut ? complete.subarray(0, complete.length - 1) : complete;
        const watch = new StreamEndWatch(320);
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          watch.push(stream.subarray(at, at + size));
          at += size;
        }
        expect(watch.judge()).toBe(cut ? 'truncated' : 'complete');
      }),
    );
  });

  it('must lie within the kept tail', () => {
    const watch = new StreamEndWatch(300);
    watch.push(complete);
    expect(watch.judge()).toBe('truncated');
  });

  it('may be kept none of', () => {
    const watch = new StreamEndWatch(0);
    watch.push(complete);
    expect(watch.judge()).toBe('truncated');
  });

  it('is not asked of other streams, but of empty ones', () => {
    const other = new StreamEndWatch(100);
    other.push(Buffer.from('hello'));
    expect(other.judge()).toBe('other');
    expect(new StreamEndWatch(100).judge()).toBe('truncated');
  });
});
