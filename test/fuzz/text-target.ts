import { Dag, isName, Xid, XiaError, type SeededRandom } from 'xia-core';
import type { Runner, Target } from './target.js';

const ID = '0123456789abcdef0123456789abcdef01234567';
const REAL = [
  `RE AD:${ID} HID:${ID} SID:${ID}`,
  `RE ( AD:${ID} HID:${ID} ) CID:${ID}`,
  `RE ( ( AD:${ID} ) HID:${ID} ) 0x99:${ID}`,
  `DAG 0 1 -\nAD:${ID} 2 -\nHID:${ID} 2 -\nCID:${ID}`,
  `DAG 3 0 1 -\nAD:${ID} 1 -\nHID:${ID} 3 -\nSID:${ID} 3 -\nCID:${ID} -`,
];
const PIECES = [
  'RE',
  'DAG',
  '(',
  ')',
  '-',
  '\n',
  ' ',
  '0',
  '1',
  '126',
  '127',
  '-1',
  '9'.repeat(30),
  `AD:${ID}`,
  'HID:',
  ':',
  '0x',
  'é',
  '\0',
  '(('.repeat(40),
];

function read(text: string): void {
  for (const parse of [(input: string) => Dag.parse(input).toString(), (input: string) => Xid.parse(input).toString()]) {
    try {
      parse(text);
    } catch (error) {
      if (!(error instanceof XiaError) || (error.code !== 'bad-dag' && error.code !== 'bad-xid')) throw error;
    }
  }
  isName(text);
}

class TextRunner implements Runner {
  readonly #rng: SeededRandom;
  #last = '';

  constructor(rng: SeededRandom) {
    this.#rng = rng;
  }

  step(): void {
    let text = REAL[this.#rng.below(REAL.length)]!;
    for (let count = 1 + this.#rng.below(4); count > 0; count--) {
      const at = this.#rng.below(text.length + 1);
      const cut = this.#rng.below(3) === 0 ? this.#rng.below(50) : 0;
      const piece = this.#rng.below(4) === 0 ? '' : PIECES[this.#rng.below(PIECES.length)]!;
      text = text.slice(0, at) + piece + text.slice(at + cut);
    }
    this.#last = text;
    read(text);
  }

  last(): Uint8Array {
    return new TextEncoder().encode(this.#last);
  }

  faults(): string[] {
    return [];
  }
}

/** Addresses as text: refused with the code for it, or read. */
export const textTarget: Target = {
  name: 'text',
  batch: 20_000,
  start: (rng) => new TextRunner(rng),
  replay: (bytes) => read(new TextDecoder().decode(bytes)),
};
