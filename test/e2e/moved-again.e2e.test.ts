import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { provideBusybox } from '../../migrate/src/guest/busybox.js';
import { writeInitrd } from '../../migrate/src/guest/guest-image.js';
import { provideKernel } from '../../migrate/src/guest/kernel-package.js';
import { QmpClient } from '../../migrate/src/qemu/qmp-client.js';
import { runMigration, type RunResult } from '../../migrate/src/run/index.js';
import { Testbed, loadTopology } from '../../tools/src/xtestbed/index.js';
import { CACHE_FOLDER } from '../migrate/support/guest-under-test.js';
import { binary, temporaryFolder, until } from './programs.js';

/** Ten seconds on a quiet machine. */
const TIMEOUT_MS = 600_000;
/** Of the image, which is in every guest; and of random bytes of this guest alone. */
const IMAGE_BYTES = 24e6;
const OWN_MEGABYTES = 24;

const TOPOLOGY = `
name: two-sites
routers:
  R1: { ad: AD1, cacheMegabytes: 300, cacheAdmit: always }
  R2: { ad: AD2, cacheMegabytes: 300, cacheAdmit: always }
hosts:
  HOST_A: { router: R1 }
  HOST_B: { router: R2 }
links:
  - [R1, R2]
`;

/** Writes what the kernel's command line says, and tells a checksum of everything when it is asked. */
const INIT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t tmpfs -o size=40m own /tmp
size=$(/bin/busybox sed 's/.*own=\\([0-9]*\\).*/\\1/' /proc/cmdline)
/bin/busybox dd if=/dev/urandom of=/tmp/own bs=1M count=$size 2>/dev/null
/bin/busybox stty -echo
echo booted
while read line; do
  echo "$line $(/bin/busybox cat /image /tmp/own | /bin/busybox md5sum)"
done
`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let testbed: Testbed;
let image: { kernel: string; initrd: string };
let secretFile: string;
const machines: Machine[] = [];

/** A QEMU with a console to talk to. */
class Machine {
  readonly qmp: string;
  readonly #serial: string;
  readonly #child: ChildProcess;
  #console: Socket | undefined;
  #heard = '';

  private constructor(name: string, extra: readonly string[]) {
    this.qmp = join(folder.path, `${name}.qmp`);
    this.#serial = join(folder.path, `${name}.tty`);
    // Not a multiple of 64 pages, see qemu-arguments.ts.
    const words = ['-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-m', `${128 * 1024 + 64}K`, '-display', 'none', '-nodefaults'];
    words.push('-qmp', `unix:${this.qmp},server=on,wait=off`, '-serial', `unix:${this.#serial},server=on,wait=off`);
    this.#child = spawn('qemu-system-x86_64', [...words, ...extra], { stdio: 'ignore' });
  }

  static async start(name: string, extra: readonly string[]): Promise<Machine> {
    const machine = new Machine(name, extra);
    machines.push(machine);
    const opened = async () => {
      try {
        await (await QmpClient.connect({ path: machine.qmp })).close();
        const socket = connect(machine.#serial);
        await once(socket, 'connect');
        machine.#console = socket;
        return true;
      } catch {
        return false;
      }
    };
    await until(opened, 30_000, `${name} answers`);
    machine.#console!.on('data', (bytes: Buffer) => (machine.#heard += bytes.toString('latin1')));
    return machine;
  }

  static boot(name: string, ownMegabytes: number): Promise<Machine> {
    const append = `console=ttyS0 quiet panic=-1 mitigations=off own=${ownMegabytes}`;
    return Machine.start(name, ['-kernel', image.kernel, '-initrd', image.initrd, '-append', append]);
  }

  static waiting(name: string): Promise<Machine> {
    return Machine.start(name, ['-incoming', 'defer']);
  }

  async says(text: RegExp): Promise<string> {
    let found: RegExpExecArray | null = null;
    await until(() => (found = text.exec(this.#heard)) !== null, 120_000, `the guest says ${text.source}`);
    return found![1] ?? '';
  }

  /** What the guest reads in its memory now. */
  async checksum(): Promise<string> {
    const word = `sum${randomBytes(4).toString('hex')}`;
    this.#console!.write(`${word}\n`);
    return this.says(new RegExp(`${word} ([0-9a-f]{32})`));
  }

  async stop(): Promise<void> {
    this.#console?.destroy();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

/** Bytes that R1 and R2 have sent to each other so far. */
async function crossed(): Promise<number> {
  type Shown = { role: string; bytesIn: number; bytesOut: number };
  const faces = (await testbed.control('R1', 'show', { what: 'faces' })) as Shown[];
  const between = faces.filter(({ role }) => role === 'peer');
  expect(between).toHaveLength(1);
  return between[0]!.bytesIn + between[0]!.bytesOut;
}

type Figures = Pick<RunResult, 'bytes' | 'offeredBytes' | 'servedBytes' | 'pages' | 'peakRssMb' | 'totalTimeMs'>;

interface Moved {
  readonly result: Figures;
  /** What crossed the link meanwhile. */
  readonly crossedBytes: number;
}

const place = (host: string) => ({ host: testbed.node(host).access ?? '', stateDirectory: testbed.stateDirectory(host) });

async function moveBack(vm: string, from: Machine, to: Machine): Promise<Moved> {
  const before = await crossed();
  const source = { qmp: from.qmp, ...place('HOST_B') };
  const result = await runMigration({ vm, source, destination: { qmp: to.qmp, ...place('HOST_A') }, secretFile });
  expect(result).toMatchObject({ outcome: 'moved', runner: 'destination', reason: '' });
  expect(result.sha256.source).toBe(result.sha256.destination);
  const crossedBytes = (await crossed()) - before;
  await from.stop();
  return { result, crossedBytes };
}

/** Moves VMs from HOST_A to HOST_B by one plan, one after the other. */
async function moveGroup(vms: Readonly<Record<string, readonly [Machine, Machine]>>): Promise<Moved[]> {
  const [a, b] = [place('HOST_A'), place('HOST_B')];
  const plan = {
    defaults: {
      sourceHost: a.host,
      destinationHost: b.host,
      sourceState: a.stateDirectory,
      destinationState: b.stateDirectory,
      secret: secretFile,
    },
    vms: Object.entries(vms).map(([vm, [from, to]]) => ({ vm, sourceQmp: from.qmp, destinationQmp: to.qmp })),
  };
  const file = join(folder.path, 'plan.yaml');
  await writeFile(file, JSON.stringify(plan));
  const before = [await crossed()];
  const child = spawn(process.execPath, [binary('xmigrate'), 'run', '--plan', file, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const results: RunResult[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { event: string };
    if (event.event !== 'result') continue;
    results.push(event as unknown as RunResult);
    before.push(await crossed());
  }
  expect(results.map(({ vm, outcome, runner, reason }) => [vm, outcome, runner, reason])).toEqual(
    Object.keys(vms).map((vm) => [vm, 'moved', 'destination', '']),
  );
  for (const { sha256 } of results) expect(sha256.source).toBe(sha256.destination);
  return results.map((result, index) => ({ result, crossedBytes: before[index + 1]! - before[index]! }));
}

beforeAll(async () => {
  folder = await temporaryFolder();
  const topology = join(folder.path, 'two-sites.yaml');
  await writeFile(topology, TOPOLOGY);
  testbed = await Testbed.up(await loadTopology(topology), join(folder.path, 'run'), { signal: new AbortController().signal });
  secretFile = join(folder.path, 'secret');
  await writeFile(secretFile, randomBytes(32).toString('hex'), { mode: 0o600 });
  const initrd = join(folder.path, 'initrd.cpio');
  await writeInitrd(initrd, [
    { guestPath: 'init', content: Buffer.from(INIT), mode: 0o755 },
    { guestPath: 'bin/busybox', content: await readFile(await provideBusybox(CACHE_FOLDER)), mode: 0o755 },
    { guestPath: 'image', content: randomBytes(IMAGE_BYTES), mode: 0o644 },
  ]);
  image = { kernel: (await provideKernel(CACHE_FOLDER)).image, initrd };
}, TIMEOUT_MS);

afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.stop()));
  await testbed?.down();
  await folder?.remove();
});

it(
  'memory that was moved before, with this VM or with another of its image, does not cross the link between the domains again',
  async () => {
    const [first, second, away, other] = await Promise.all([
      Machine.boot('first', OWN_MEGABYTES),
      Machine.boot('second', 1),
      Machine.waiting('away'),
      Machine.waiting('other'),
    ]);
    await Promise.all([first.says(/(booted)/), second.says(/(booted)/)]);
    const [sum, otherSum] = await Promise.all([first.checksum(), second.checksum()]);

    const [there, sibling] = (await moveGroup({ vm1: [first, away], vm2: [second, other] })) as [Moved, Moved];
    expect(await Promise.all([away.checksum(), other.checksum()])).toEqual([sum, otherSum]);
    await Promise.all([first.stop(), second.stop(), other.stop()]);

    const home = await Machine.waiting('home');
    const back = await moveBack('vm1', away, home);
    expect(await home.checksum()).toBe(sum);

    const figures = { there, sibling, back };
    for (const [name, { result, crossedBytes }] of Object.entries(figures)) {
      const { bytes, offeredBytes, servedBytes, pages, peakRssMb, totalTimeMs } = result;
      const shown = { crossedBytes, bytes, offeredBytes, servedBytes, pages, peakRssMb, totalTimeMs };
      process.stdout.write(`${name}: ${JSON.stringify(shown)}\n`);
      expect(servedBytes).toBeLessThanOrEqual(crossedBytes);
      // Some 190 MB, 176 without a secret: windows, pools and what the garbage collector has not seen yet, whatever the guest's size.
      expect(Math.max(peakRssMb.source ?? 0, peakRssMb.destination ?? 0)).toBeLessThan(240);
    }
    expect(there.crossedBytes).toBeGreaterThan(OWN_MEGABYTES * 1e6);
    expect(back.crossedBytes).toBeLessThan(there.crossedBytes / 2);
    // Another guest of the same image: what is in both was sent with the first one. How much lies alike depends on the kernel's dice.
    expect(sibling.crossedBytes).toBeLessThan(0.7 * sibling.result.offeredBytes!);
  },
  TIMEOUT_MS,
);
