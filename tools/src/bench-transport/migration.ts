import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { XiaError } from 'xia-core';
import { programFile, Testbed, loadTopology, withUnderlay, type Underlay } from '../xtestbed/index.js';
import type { Candidate, RunContext } from './candidates.js';
import { END_V8_OPTIONS, PartProcess } from './parts.js';
import type { TransferRun } from './transfer.js';

/** Bytes that do not compress, again and again: nothing on the way looks for what it has seen. */
const PIECE_BYTES = 32_000_000;
const END_TIMEOUT_MS = 120_000;
const BYTES_PER_MS = 5000;
/** The nodes on the way, in its order. */
const WAY = ['HOST_A', 'R1', 'R2', 'HOST_B'] as const;
/** Runs a command and says on descriptor 3 what it used: `times` of a shell, since Node does not say it of one child. */
const TIMED = '"$@"; code=$?; times >&3; exit $code';

/** User and system time of a process, in seconds. */
interface CpuTimes {
  readonly user: number;
  readonly system: number;
}

/** One of the two programs of a migration, as a QEMU would start it. */
class MigrationEnd {
  readonly process: PartProcess;
  readonly child: ChildProcess;
  #events = '';
  #times = '';

  constructor(testbed: Testbed, host: string, name: string, args: readonly string[], input: 'pipe' | 'ignore', output: 'pipe' | 'ignore') {
    const command = [process.execPath, ...END_V8_OPTIONS, programFile('xmigrate'), name, '--vm', 'bench', '--json', ...args];
    const env = { ...process.env, ...testbed.environment(host) };
    this.child = spawn('sh', ['-c', TIMED, 'sh', ...command], { stdio: [input, output, 'pipe', 'pipe'], env });
    this.process = new PartProcess(this.child, `xmigrate ${name}`);
    this.child.stderr!.on('data', (piece: Buffer) => (this.#events += piece.toString()));
    this.child.stdio[3]!.on('data', (piece: Buffer) => (this.#times += piece.toString()));
  }

  /** The event of this name, once it was told. @throws XiaError `testbed-failed` when it is not */
  async event(name: string, timeoutMs: number): Promise<Record<string, unknown>> {
    for (const begin = performance.now(); performance.now() - begin < timeoutMs;) {
      const events = this.#events
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const found = events.find(({ event }) => event === name);
      if (found !== undefined) return found;
      await this.process.orEnd(once(this.child.stderr!, 'data'), timeoutMs);
    }
    throw new XiaError('testbed-failed', `${this.process.name} did not tell "${name}" in time`, { name });
  }

  /** What it used altogether, the start of the program included; after its end. */
  cpuTimes(): CpuTimes {
    const [user = 0, system = 0] = [...(this.#times.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)].map(
      ([, minutes, seconds]) => 60 * Number(minutes) + Number(seconds),
    );
    return { user, system };
  }
}

/** A VM's stream as QEMU gives it to a pipe, through `xmigrate send`, two hosts, two routers and `xmigrate recv`. */
export function migration(name: string, links: Underlay): Candidate {
  return { name, run: async (context) => migrate(context, links) };
}

async function migrate({ folder, size: { bytes } }: RunContext, links: Underlay): Promise<TransferRun> {
  const runDir = await mkdtemp(join(folder, 'migration-'));
  await using testbed = await Testbed.up(withUnderlay(await loadTopology('inter-ad'), links), join(runDir, 'testbed'));
  const piece = join(runDir, 'piece');
  await writeFile(piece, randomBytes(Math.min(PIECE_BYTES, bytes)));
  const pieces = Math.ceil(bytes / PIECE_BYTES);
  const sent = pieces * Math.min(PIECE_BYTES, bytes);
  const timeoutMs = END_TIMEOUT_MS + sent / BYTES_PER_MS;
  const stateOf = (host: string) => ['--state', join(runDir, host)];
  const receiver = new MigrationEnd(testbed, 'HOST_B', 'recv', stateOf('b'), 'ignore', 'pipe');
  const reader = spawn('wc', ['-c'], { stdio: [receiver.child.stdout!, 'pipe', 'ignore'] });
  // The pipes are theirs alone, or nobody would hear when the other end is closed.
  receiver.child.stdout!.destroy();
  try {
    let counted = '';
    reader.stdout.on('data', (text: Buffer) => (counted += text.toString()));
    const read = once(reader, 'close');
    const { dag } = await receiver.event('listening', END_TIMEOUT_MS);
    const before = await nodeTimes(testbed);
    const begin = performance.now();
    const sender = new MigrationEnd(testbed, 'HOST_A', 'send', [...stateOf('a'), '--to', String(dag)], 'pipe', 'ignore');
    const writer = spawn('cat', Array<string>(pieces).fill(piece), { stdio: ['ignore', sender.child.stdin!, 'ignore'] });
    sender.child.stdin!.destroy();
    try {
      const ends = [once(sender.child, 'close'), once(receiver.child, 'close')];
      const summaries = await Promise.all([sender.event('summary', timeoutMs), receiver.event('summary', timeoutMs)]);
      const seconds = (performance.now() - begin) / 1000;
      const after = await nodeTimes(testbed);
      await Promise.all([...ends, read]);
      refuseOther(summaries, sent, Number(counted));
      const nodes = WAY.map((node, index) => [node, less(after[index]!, before[index]!)] as const);
      return runOf(sent, seconds, [['sender', sender.cpuTimes()], ...nodes, ['receiver', receiver.cpuTimes()]]);
    } finally {
      writer.kill();
      sender.child.kill();
    }
  } finally {
    receiver.child.kill();
    reader.kill();
  }
}

function refuseOther(summaries: readonly Record<string, unknown>[], sent: number, counted: number): void {
  const [from, to] = summaries;
  const isWhole = from?.['outcome'] === 'handed-over' && to?.['outcome'] === 'taken' && from['sha256'] === to['sha256'];
  if (isWhole && counted === sent) return;
  throw new XiaError('testbed-failed', `${counted} of ${sent} bytes: ${String(from?.['reason'])}, ${String(to?.['reason'])}`, { counted });
}

async function nodeTimes(testbed: Testbed): Promise<CpuTimes[]> {
  return Promise.all(
    WAY.map(async (name) => {
      const pid = testbed.node(name).process?.pid ?? 0;
      const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
      // The second field is the program's name in brackets and may contain blanks; counting starts behind it. In ticks of 10 ms.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return { user: Number(fields[11]) / 100, system: Number(fields[12]) / 100 };
    }),
  );
}

function less(after: CpuTimes, before: CpuTimes): CpuTimes {
  return { user: after.user - before.user, system: after.system - before.system };
}

function runOf(bytes: number, seconds: number, processes: readonly (readonly [string, CpuTimes])[]): TransferRun {
  const gigabytes = bytes / 1e9;
  const cpuByProcess = Object.fromEntries(
    processes.flatMap(([name, { user, system }]) => [
      [`${name}, user`, user / gigabytes],
      [`${name}, system`, system / gigabytes],
    ]),
  );
  return {
    gigabytesPerSecond: gigabytes / seconds,
    cpuSecondsPerGigabyte: Object.values(cpuByProcess).reduce((sum, one) => sum + one, 0),
    cpuByProcess,
  };
}
