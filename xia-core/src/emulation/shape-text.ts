import { XiaError } from '../bytes/index.js';
import { DEFAULT_QUEUE_BYTES, type Blackout, type LinkShape } from './link-shape.js';

function refuse(reason: string): never {
  throw new XiaError('bad-config', reason);
}

interface Unit {
  readonly name: string;
  readonly factor: number;
}

const TIMES: readonly Unit[] = [
  { name: 'ms', factor: 1 },
  { name: 's', factor: 1000 },
];
const RATES: readonly Unit[] = [
  { name: 'bit', factor: 1 / 8 },
  { name: 'kbit', factor: 125 },
  { name: 'Mbit', factor: 125_000 },
  { name: 'Gbit', factor: 125_000_000 },
];
const SIZES: readonly Unit[] = [
  { name: 'B', factor: 1 },
  { name: 'kB', factor: 1000 },
  { name: 'MB', factor: 1_000_000 },
];

const NUMBER = /^(\d+(?:\.\d+)?)(.*)$/;

function quantity(text: string, units: readonly Unit[], example: string): number {
  const [, digits, name] = NUMBER.exec(text) ?? [];
  const unit = units.find((one) => one.name === name);
  if (digits === undefined || unit === undefined) refuse(`"${text}" is not like ${example}`);
  return Number(digits) * unit.factor;
}

/** The value in the largest unit that it is a whole number of, or else in the smallest one, exactly. */
function inUnits(value: number, units: readonly Unit[]): string {
  const unit = units.findLast(({ factor }) => Number.isInteger(value / factor)) ?? units[0]!;
  return `${plain(value / unit.factor)}${unit.name}`;
}

/** A number without an exponent, and exactly. */
function plain(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : text;
}

const time = (text: string): number => quantity(text, TIMES, '20ms or 1.5s');
const rate = (text: string): number => quantity(text, RATES, '64kbit, 100Mbit or 1Gbit');
const size = (text: string): number => quantity(text, SIZES, '1500B, 64kB or 1MB');

function share(text: string): number {
  const [, digits, unit] = NUMBER.exec(text) ?? [];
  if (digits === undefined || unit !== '%') refuse(`"${text}" is not like 1%`);
  return Number(`${digits}e-2`);
}

/** Moves the point and rounds nothing, so that it reads back as the same number. */
function shareText(value: number): string {
  return `${plain(Number(`${plain(value)}e2`))}%`;
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) refuse(`"${text}" is not a number of bytes`);
  return Number(text);
}

function parts(text: string, least: number, most: number, example: string): string[] {
  const pieces = text.split('/');
  if (pieces.length < least || pieces.length > most) refuse(`"${text}" is not like ${example}`);
  return pieces;
}

function blackout(text: string): Blackout {
  const [at, length, every] = parts(text, 2, 3, '2s/500ms or 2s/500ms/10s');
  return { atMs: time(at!), forMs: time(length!), ...(every === undefined ? {} : { everyMs: time(every) }) };
}

function blackoutText({ atMs, forMs, everyMs }: Blackout): string {
  return [atMs, forMs, ...(everyMs === undefined ? [] : [everyMs])].map((ms) => inUnits(ms, TIMES)).join('/');
}

interface Key {
  readonly name: string;
  readonly meaning: string;
  /** @throws XiaError `bad-config` */
  readonly parse: (text: string) => Partial<LinkShape>;
  readonly print: (shape: LinkShape) => string | undefined;
  /** The fields that it stands for; `none` takes them away. Empty for what cannot be taken away. */
  readonly clears: readonly (keyof LinkShape)[];
}

const printed = <Value>(value: Value | undefined, print: (value: Value) => string): string | undefined =>
  value === undefined ? undefined : print(value);

/** The properties of a link as text, `key=value`, in the order in which they are printed. */
export const shapeKeys: readonly Key[] = [
  {
    name: 'delay',
    meaning: 'one way, `20ms` or `1.5s`',
    parse: (text) => ({ delayMs: time(text) }),
    print: ({ delayMs }) => inUnits(delayMs, TIMES),
    clears: [],
  },
  {
    name: 'jitter',
    meaning: 'added to the delay, from 0 to `5ms`; packets keep their order, and with `5ms/reorders` they do not',
    parse: (text) => {
      const [most, how] = parts(text, 1, 2, '5ms or 5ms/reorders');
      if (how !== undefined && how !== 'reorders') refuse(`"${how}" is not "reorders"`);
      return { jitterMs: time(most!), jitterReorders: how !== undefined };
    },
    print: ({ jitterMs, jitterReorders }) => printed(jitterMs, (ms) => inUnits(ms, TIMES) + (jitterReorders === true ? '/reorders' : '')),
    clears: ['jitterMs', 'jitterReorders'],
  },
  {
    name: 'rate',
    meaning: '`64kbit`, `100Mbit` or `1Gbit` a second; without it packets take no time to send',
    parse: (text) => ({ bytesPerSecond: rate(text) }),
    print: ({ bytesPerSecond }) => printed(bytesPerSecond, (value) => inUnits(value, RATES)),
    clears: ['bytesPerSecond'],
  },
  {
    name: 'queue',
    meaning: `what may wait for a link with a rate, \`64kB\` or \`1MB\`; ${DEFAULT_QUEUE_BYTES} bytes without it`,
    parse: (text) => ({ queueBytes: size(text) }),
    print: ({ queueBytes }) => printed(queueBytes, (value) => inUnits(value, SIZES)),
    clears: ['queueBytes'],
  },
  {
    name: 'loss',
    meaning: 'share of packets lost, each by itself, `1%`',
    parse: (text) => ({ loss: share(text) }),
    print: ({ loss }) => printed(loss, shareText),
    clears: ['loss'],
  },
  {
    name: 'burst',
    meaning: 'losses together, `0.5%/25%/50%`: how likely a burst begins before a packet and ends before one, and the share lost in it',
    parse: (text) => {
      const [enter, leave, loss] = parts(text, 3, 3, '0.5%/25%/50%');
      return { burst: { enter: share(enter!), leave: share(leave!), loss: share(loss!) } };
    },
    print: ({ burst }) => printed(burst, ({ enter, leave, loss }) => [enter, leave, loss].map(shareText).join('/')),
    clears: ['burst'],
  },
  {
    name: 'reorder',
    meaning: 'a share of packets is held back by up to a time, `10%/5ms`',
    parse: (text) => {
      const [some, most] = parts(text, 2, 2, '10%/5ms');
      return { reorder: { share: share(some!), delayMs: time(most!) } };
    },
    print: ({ reorder }) => printed(reorder, (value) => `${shareText(value.share)}/${inUnits(value.delayMs, TIMES)}`),
    clears: ['reorder'],
  },
  {
    name: 'duplicate',
    meaning: 'share of packets that arrive twice, `1%`',
    parse: (text) => ({ duplicate: share(text) }),
    print: ({ duplicate }) => printed(duplicate, shareText),
    clears: ['duplicate'],
  },
  {
    name: 'corrupt',
    meaning: 'share of packets with one flipped bit, `1%`',
    parse: (text) => ({ corrupt: share(text) }),
    print: ({ corrupt }) => printed(corrupt, shareText),
    clears: ['corrupt'],
  },
  {
    name: 'mtu',
    meaning: 'larger packets vanish, `1500`',
    parse: (text) => ({ mtu: whole(text) }),
    print: ({ mtu }) => printed(mtu, String),
    clears: ['mtu'],
  },
  {
    name: 'mtu-drop',
    meaning: 'from a time on the MTU is another one, `2s/1280`',
    parse: (text) => {
      const [at, mtu] = parts(text, 2, 2, '2s/1280');
      return { mtuDrop: { atMs: time(at!), mtu: whole(mtu!) } };
    },
    print: ({ mtuDrop }) => printed(mtuDrop, ({ atMs, mtu }) => `${inUnits(atMs, TIMES)}/${mtu}`),
    clears: ['mtuDrop'],
  },
  {
    name: 'blackout',
    meaning:
      'from a time on nothing passes for some time, `2s/500ms`, and again each time that a third one is over, `2s/500ms/10s`; several with commas',
    parse: (text) => ({ blackouts: text.split(',').map(blackout) }),
    print: ({ blackouts }) => (blackouts === undefined || blackouts.length === 0 ? undefined : blackouts.map(blackoutText).join(',')),
    clears: ['blackouts'],
  },
];

const keysByName: ReadonlyMap<string, Key> = new Map(shapeKeys.map((key) => [key.name, key]));

/**
 * A shape with one property as `name` and `text` say; the text `none` takes it away.
 * @throws XiaError `bad-config` for an unknown name, or a text that is not a value of it
 */
export function withProperty(shape: LinkShape, name: string, text: string): LinkShape {
  const key = keysByName.get(name);
  if (key === undefined) refuse(`there is no property "${name}"; there are ${[...keysByName.keys()].join(', ')}`);
  if (text !== 'none') return { ...shape, ...key.parse(text) };
  if (key.clears.length === 0) refuse(`a link has a ${name}`);
  return Object.fromEntries(
    Object.entries(shape).filter(([field]) => !key.clears.includes(field as keyof LinkShape)),
  ) as unknown as LinkShape;
}

/** The properties of `shape` that are not those of `base`, as `key=value`, each readable by `withProperty`. */
export function shapeProperties(shape: LinkShape, base: LinkShape): string[] {
  return shapeKeys.flatMap(({ name, print }) => {
    const text = print(shape) ?? 'none';
    return text === (print(base) ?? 'none') ? [] : [`${name}=${text}`];
  });
}
