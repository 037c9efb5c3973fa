import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  linkPresets,
  parseShape,
  parseTopology,
  PLAIN_SHAPE,
  printTopology,
  shapeKeys,
  shapeProperties,
  type LinkPresetName,
  type LinkShape,
  type Topology,
} from '../../../xia-core/src/emulation/index.js';

const TEXT = `
# two routers, and a host at each
router r1 AD1
router r2 AD2
host h1
host h2
link h1 r1 lan
link r1 r2 wan loss=1% rate=100Mbit   # both ways
  r2 -> r1 rate=5Mbit queue=64kB loss=none
link r2 h2 delay=0.5ms
`;

describe('a topology', () => {
  it('is read from text', () => {
    const { nodes, links } = parseTopology(TEXT);
    expect(nodes).toEqual([
      { name: 'r1', role: 'router', ad: 'AD1' },
      { name: 'r2', role: 'router', ad: 'AD2' },
      { name: 'h1', role: 'host', ad: 'AD1' },
      { name: 'h2', role: 'host', ad: 'AD2' },
    ]);
    const { there } = linkPresets.wan;
    expect(links).toEqual([
      { ends: ['h1', 'r1'], preset: 'lan', ...linkPresets.lan, description: undefined },
      {
        ends: ['r1', 'r2'],
        preset: 'wan',
        there: { ...there, loss: 0.01, bytesPerSecond: 12_500_000 },
        back: { ...there, bytesPerSecond: 625_000, queueBytes: 64_000 },
      },
      { ends: ['r2', 'h2'], there: { delayMs: 0.5 }, back: { delayMs: 0.5 } },
    ]);
  });

  it('is printed as the same text again', () => {
    expect(printTopology(parseTopology(TEXT))).toBe(
      [
        'router r1 AD1',
        'router r2 AD2',
        'host h1',
        'host h2',
        'link h1 r1 lan',
        'link r1 r2 wan',
        '  r1 -> r2 rate=100Mbit loss=1%',
        '  r2 -> r1 rate=5Mbit queue=64kB',
        'link r2 h2 delay=0.5ms',
        '',
      ].join('\n'),
    );
  });

  const routers = 'router r1 AD1\nrouter r2 AD2\nhost h\n';
  it.each([
    ['wire a b', '1:1', /begins no line/],
    ['router r1', '1:1', /a router has a name and an AD/],
    ['router r1 AD1 x', '1:15', /"x" is too much/],
    ['router 1r AD1', '1:8', /is no name/],
    ['host h\nhost  h', '2:7', /there is a "h" already/],
    ['host h', '1:6', /no link to a router/],
    [`${routers}link h r9`, '4:8', /no node "r9" above/],
    [`${routers}link h r1 wam`, '4:11', /no link "wam"; there are lan, /],
    [`${routers}link h r1 wan loss`, '4:15', /is not KEY=VALUE/],
    [`${routers}link h r1 wan los=1%`, '4:15', /no property "los"; there are delay, /],
    [`${routers}link h r1 wan loss=1`, '4:15', /"1" is not like 1%/],
    [`${routers}link h r1 delay=5`, '4:11', /"5" is not like 20ms/],
    [`${routers}link h r1 delay=none`, '4:11', /a link has a delay/],
    [`${routers}link h r1 loss=101%`, '4:1', /a share is from 0 to 1/],
    [`${routers}link h r1\nlink r1 h`, '5:1', /a link between r1 and h already/],
    [`${routers}link h h`, '4:8', /two ends that differ/],
    [`${routers}host i\nlink h i`, '5:8', /one end of a link is a router/],
    [`${routers}r1 -> r2 loss=1%`, '4:1', /no link between r1 and r2/],
    [`${routers}link r1 r2\nr1 -> r2`, '5:7', /a direction has properties/],
  ])('says what is wrong, and where: %j', (text, place, reason) => {
    const error = fault(() => parseTopology(text));
    expect(error).toMatchObject({ code: 'bad-config' });
    expect(error.message).toMatch(reason);
    expect(error.message.startsWith(`${place}: `), error.message).toBe(true);
  });
});

function fault(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('that was accepted');
}

const share = fc.integer({ min: 0, max: 1000 }).map((value) => value / 1000);
const timeMs = fc.oneof(
  fc.integer({ min: 0, max: 100_000 }),
  fc.integer({ min: 0, max: 1000 }).map((value) => value / 8),
);
const bytes = fc.integer({ min: 1, max: 1_000_000_000 });
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

const shapes: fc.Arbitrary<LinkShape> = fc
  .record({
    delayMs: timeMs,
    jitter: optional(fc.record({ jitterMs: timeMs, jitterReorders: fc.boolean() })),
    bytesPerSecond: optional(bytes),
    queueBytes: optional(bytes),
    loss: optional(share),
    burst: optional(fc.record({ enter: share, leave: share, loss: share })),
    reorder: optional(fc.record({ share, delayMs: timeMs })),
    duplicate: optional(share),
    corrupt: optional(share),
    mtu: optional(fc.integer({ min: 1, max: 65_535 })),
    mtuDrop: optional(fc.record({ atMs: timeMs, mtu: fc.integer({ min: 1, max: 65_535 }) })),
    blackouts: optional(fc.array(fc.record({ atMs: timeMs, forMs: fc.integer({ min: 1, max: 9000 }) }), { minLength: 1, maxLength: 3 })),
  })
  .map(({ jitter, ...rest }) => JSON.parse(JSON.stringify({ ...rest, ...jitter })) as LinkShape);

const topologies: fc.Arbitrary<Topology> = fc
  .record({
    preset: optional(fc.constantFrom(...(Object.keys(linkPresets) as LinkPresetName[]))),
    there: shapes,
    back: shapes,
  })
  .map(({ preset, there, back }) => ({
    nodes: [
      { name: 'r', role: 'router' as const, ad: 'X' },
      { name: 'h', role: 'host' as const, ad: 'X' },
    ],
    links: [{ ends: ['h', 'r'] as const, ...(preset === undefined ? {} : { preset }), there, back }],
  }));

describe('text and topology', () => {
  it('are the same for any topology', () => {
    fc.assert(
      fc.property(topologies, (topology) => {
        expect(parseTopology(printTopology(topology))).toEqual(topology);
      }),
      { numRuns: 500 },
    );
  });

  it('are the same for any shape of a link', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        expect(parseShape(shapeProperties(shape, PLAIN_SHAPE).join(' '), PLAIN_SHAPE)).toEqual(shape);
      }),
      { numRuns: 500 },
    );
  });

  it('are the same for every preset, in values that people write', () => {
    for (const { there, back } of Object.values(linkPresets)) {
      for (const shape of [there, back]) {
        const text = shapeProperties(shape, PLAIN_SHAPE).join(' ');
        expect(parseShape(text, PLAIN_SHAPE)).toEqual(shape);
        expect(text).not.toMatch(/\d{6}|\.\d{3}/);
      }
    }
  });

  it('has a meaning for each key', () => {
    for (const { name, meaning } of shapeKeys) expect(meaning, name).toMatch(/`/);
  });
});
