import { atLeast, figure, type Figure, type Section } from '../bench-forwarding/report.js';
import { median } from '../bench/statistics.js';
import { runTcpFlow, withTunLab, type TunLab, type TunLabOptions } from '../tun-lab/index.js';
import { chunks, stream, type Candidate } from './candidates.js';
import { compare, speedOf, type CompareOptions } from './compare.js';
import type { Site } from './router-pair.js';

/** A packet on the emulated links has these bytes of UDP and IPv4 around it. */
const UDP_IP_BYTES = 28;
const JUMBO_MTU = 9000 - UDP_IP_BYTES;
const SMALL_MTU = 1500 - UDP_IP_BYTES;
const MEGABIT = 125_000;
const TIMES = { warmUpMs: 4000, ms: 8000 } as const;
const QUICK_TIMES = { warmUpMs: 300, ms: 500 } as const;

/** How long something over an emulated link is measured, and left to settle before. */
export function timesOf({ size }: CompareOptions): { warmUpMs: number; ms: number } {
  return size.bytes < 100_000_000 ? QUICK_TIMES : TIMES;
}

function megabits(gigabytesPerSecond: number | undefined): number | undefined {
  return gigabytesPerSecond === undefined ? undefined : 8000 * gigabytesPerSecond;
}

/** A link of 27 ms and 1 Gbit/s without losses, emulated by `xlink` between the routers. */
export async function wanSections(options: CompareOptions): Promise<Section[]> {
  const emulated = ['--preset', 'wan'];
  const path = { emulated, timed: timesOf(options), mtu: JUMBO_MTU, offload: 'auto' as const };
  const candidates = [
    stream('STREAM and TLS 1.3', true, path),
    chunks('encrypted chunks', path),
    stream('STREAM and TLS 1.3, MTU 1500', true, { ...path, mtu: SMALL_MTU }),
  ];
  const comparison = await compare(candidates, options);
  const share = (name: string) => {
    const speed = megabits(speedOf(comparison, name));
    return speed === undefined ? undefined : speed / 1000;
  };
  return [
    {
      name: 'an emulated link of 27 ms and 1 Gbit/s between two routers, packets of up to 9000 bytes',
      figures: candidates.map(({ name }) => figure(name, megabits(speedOf(comparison, name)), 'Mbit/s of content')),
      reaches: candidates.slice(0, 2).map(({ name }) => atLeast(`${name}, of the link`, share(name), 0.9)),
      notes: comparison.notes,
    },
  ];
}

/** As the presets `loss1` and `burst`, without what they do to packets. */
const CLEAN: TunLabOptions['link'] = { there: { delayMs: 13.5, bytesPerSecond: 200 * MEGABIT, queueBytes: 675_000 } };

/** The sender's end of the laboratory and the receiver's, with a router in each. */
function sitesOf({ left, right }: TunLab): readonly [Site, Site] {
  return [
    { address: left.address, place: left },
    { address: right.address, place: right },
  ];
}

const KERNELS = ['cubic', 'bbr'] as const;

interface LabRun {
  readonly name: string;
  readonly mbit: number;
}

function ours(lab: TunLab, options: CompareOptions): readonly Candidate[] {
  const path = { sites: sitesOf(lab), timed: timesOf(options), mtu: SMALL_MTU, offload: 'auto' as const };
  return [stream('STREAM and TLS 1.3', true, path), chunks('encrypted chunks', path)];
}

async function kernelRate(lab: TunLab, algorithm: string, options: CompareOptions): Promise<number> {
  const { warmUpMs, ms } = timesOf(options);
  return (await runTcpFlow(lab, { algorithm, seconds: (warmUpMs + ms) / 1000, warmupSeconds: warmUpMs / 1000 })).steadyMbit;
}

/** One after the other through one laboratory. */
async function inTurn(lab: TunLab, options: CompareOptions, onRun: (run: LabRun) => void): Promise<void> {
  for (const algorithm of KERNELS) {
    options.onNote(`  kernel ${algorithm}`);
    onRun({ name: `kernel ${algorithm}`, mbit: await kernelRate(lab, algorithm, options) });
  }
  for (const { name, run } of ours(lab, options)) {
    options.onNote(`  ${name}`);
    onRun({ name, mbit: megabits((await run(options)).gigabytesPerSecond)! });
  }
}

/** Each of ours at the same time as a CUBIC of the kernel. */
async function together(lab: TunLab, options: CompareOptions, onRun: (run: LabRun) => void): Promise<void> {
  for (const { name, run } of ours(lab, options)) {
    options.onNote(`  ${name} beside kernel cubic`);
    const [mine, kernel] = await Promise.all([run(options), kernelRate(lab, 'cubic', options)]);
    onRun({ name, mbit: megabits(mine.gigabytesPerSecond)! });
    onRun({ name: `kernel cubic beside ${name}`, mbit: kernel });
  }
}

async function inLab(
  link: TunLabOptions['link'],
  options: CompareOptions,
  use: (lab: TunLab, options: CompareOptions, onRun: (run: LabRun) => void) => Promise<void>,
): Promise<{ rates: ReadonlyMap<string, number>; notes: readonly string[] }> {
  const runs = new Map<string, number[]>();
  const notes = new Set<string>();
  const onRun = ({ name, mbit }: LabRun) => void runs.set(name, [...(runs.get(name) ?? []), mbit]);
  for (let round = 1; round <= options.rounds; round++) {
    options.signal.throwIfAborted();
    try {
      await withTunLab({ link, seed: round, signal: options.signal }, (lab) => use(lab, options, onRun));
    } catch (error) {
      notes.add((error as Error).message.split('\n').join(' '));
    }
  }
  return { rates: new Map([...runs].map(([name, values]) => [name, median(values)!])), notes: [...notes] };
}

function ratioOf(rates: ReadonlyMap<string, number>, name: string, base: string): number | undefined {
  const [one, other] = [rates.get(name), rates.get(base)];
  return one === undefined || other === undefined || other === 0 ? undefined : one / other;
}

function rateFigures(rates: ReadonlyMap<string, number>): Figure[] {
  return [...rates].map(([name, mbit]) => figure(name, mbit, 'Mbit/s of content'));
}

/** The kernel's TCP and ours through one emulated link that loses packets, between two network namespaces. */
export async function lossSections(options: CompareOptions): Promise<Section[]> {
  const sections: Section[] = [];
  for (const [what, link, wanted] of [
    ['27 ms, 200 Mbit/s, 1 % random loss', 'loss1', 0.9],
    ['27 ms, 200 Mbit/s, bursts of loss and 10 % reordering', 'burst', 1],
  ] as const) {
    options.onNote(what);
    const { rates, notes } = await inLab(link, options, inTurn);
    const names = ['STREAM and TLS 1.3', 'encrypted chunks'];
    sections.push({
      name: `${what}, packets of up to 1500 bytes`,
      figures: rateFigures(rates),
      reaches: names.map((name) => atLeast(`${name} over kernel bbr`, ratioOf(rates, name, 'kernel bbr'), wanted)),
      notes,
    });
  }
  return sections;
}

/** Each of ours in one bottleneck with a CUBIC of the kernel: both must get something like their share. */
export async function fairnessSections(options: CompareOptions): Promise<Section[]> {
  const { rates, notes } = await inLab(CLEAN, options, together);
  const shares = ['STREAM and TLS 1.3', 'encrypted chunks'].map((name) => {
    const value = ratioOf(rates, name, `kernel cubic beside ${name}`);
    return { name: `${name} over the kernel's cubic`, value, wanted: '0.5 to 2', ok: value !== undefined && value >= 0.5 && value <= 2 };
  });
  return [{ name: 'in one bottleneck of 27 ms and 200 Mbit/s', figures: rateFigures(rates), reaches: shares, notes }];
}
