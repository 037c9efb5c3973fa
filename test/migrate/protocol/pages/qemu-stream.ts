import { SeededRandom } from '../../../../xia-core/src/bytes/random.js';

const PAGE = 4096;
const FLAG = { zero: 0x02, memory: 0x04, page: 0x08, end: 0x10, continue: 0x20, xbzrle: 0x40, hook: 0x80 };
const RAM = 2;
const OTHER = 3;

/** A page of memory by its number and what it holds: 0 is a zero page, any other number a content of its own. */
export interface Page {
  readonly block?: string;
  readonly page: number;
  readonly content: number;
  /** As a difference to an earlier content. */
  readonly xbzrle?: boolean;
}

/** What a section holds; a section of another owner between two of RAM is skipped by a parser that does not know it. */
export type Section = readonly Page[] | { readonly foreign: Uint8Array } | { readonly unknownFlag: number };

function contentOf(number: number): Uint8Array {
  return number === 0 ? new Uint8Array(PAGE) : new SeededRandom(number).bytes(PAGE);
}

/** Writes a stream as QEMU 7.2 does (checked against recorded ones): the start of RAM, parts of it, its end, a device, the description. */
export function qemuStream(sections: readonly Section[]): Uint8Array {
  const out: Buffer[] = [];
  const u8 = (value: number) => out.push(Buffer.from([value]));
  const u16 = (value: number) => out.push(Buffer.from([value >> 8, value & 0xff]));
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    out.push(bytes);
  };
  const u64 = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    out.push(bytes);
  };
  const name = (text: string) => {
    u8(text.length);
    out.push(Buffer.from(text, 'latin1'));
  };
  const footer = (section: number) => {
    u8(0x7e);
    u32(section);
  };
  let last: string | undefined;
  const record = ({ block = 'pc.ram', page, content, xbzrle = false }: Page) => {
    const what = xbzrle ? FLAG.xbzrle : content === 0 ? FLAG.zero : FLAG.page;
    u64(page * PAGE + what + (block === last ? FLAG.continue : 0));
    if (block !== last) name(block);
    last = block;
    if (xbzrle) {
      const difference = contentOf(content).subarray(0, content % 1000);
      u8(1);
      u16(difference.length);
      out.push(Buffer.from(difference));
    } else if (content === 0) {
      u8(0);
    } else {
      out.push(Buffer.from(contentOf(content)));
    }
  };

  out.push(Buffer.from('QEVM'));
  u32(3);
  u8(7);
  u32(10);
  out.push(Buffer.from('pc-q35-7.2'));
  u8(1);
  u32(RAM);
  name('ram');
  u32(0);
  u32(4);
  u64(0x1000_0000 + FLAG.memory);
  name('pc.ram');
  u64(0x1000_0000);
  u64(FLAG.end);
  footer(RAM);
  sections.forEach((section, index) => {
    if ('foreign' in section) {
      u8(2);
      u32(OTHER);
      out.push(Buffer.from(section.foreign));
      footer(OTHER);
      return;
    }
    u8(index === sections.length - 1 ? 3 : 2);
    u32(RAM);
    if ('unknownFlag' in section) u64(0x1000 + section.unknownFlag);
    else section.forEach(record);
    u64(FLAG.end);
    footer(RAM);
  });
  u8(4);
  u32(OTHER);
  name('timer');
  u32(0);
  u32(2);
  out.push(Buffer.from(new SeededRandom(99).bytes(700)));
  footer(OTHER);
  u8(0);
  u8(6);
  u32(2);
  out.push(Buffer.from('{}'));
  return Buffer.concat(out);
}
