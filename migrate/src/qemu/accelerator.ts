import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { XiaError } from 'xia-core';
import type { Accelerator } from './qemu-arguments.js';
import { QemuProcess } from './qemu-process.js';
import { requireQemu } from './qemu-version.js';

const KVM_DEVICE = '/dev/kvm';
const BOOT_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const PROBE_MEMORY_MB = 256;

const choiceSchema = v.strictObject({ accelerator: v.picklist(['tcg', 'kvm']), reason: v.string() });

export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  /** In words, for people: why KVM is used, or why it is not. */
  readonly reason: string;
}

/** A kernel, and an initrd whose first process prints `marker` on the serial console. */
export interface ProbeGuest {
  readonly kernel: string;
  readonly initrd: string;
  readonly marker: string;
}

export interface AcceleratorOptions {
  /** Keeps the answer, which holds until the machine's kernel, processor or QEMU changes. */
  readonly cacheDir: string;
  /** Makes a guest that boots fast; asked only when nothing is known yet. */
  readonly provideProbe: () => Promise<ProbeGuest>;
  /** Default `qemu-system-x86_64`. */
  readonly binary?: string;
  readonly signal?: AbortSignal;
}

/**
 * Decides by booting a guest. That `/dev/kvm` opens says little: inside some virtual machines it does and every guest hangs.
 * @throws XiaError `missing-prerequisite` when there is no QEMU, `interrupted`; anything else about KVM is a reason for TCG.
 */
export async function chooseAccelerator(options: AcceleratorOptions): Promise<AcceleratorChoice> {
  const usable = await access(KVM_DEVICE, constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  // Cheap to find out, and the user may mend it at any time: not kept.
  if (usable === 'ENOENT') return { accelerator: 'tcg', reason: `KVM is not used: this machine has no ${KVM_DEVICE}` };
  if (usable !== undefined) return { accelerator: 'tcg', reason: `KVM is not used: ${KVM_DEVICE} cannot be opened (${usable})` };

  const file = join(options.cacheDir, `accelerator-${await machineKey(options)}.json`);
  const known = await readChoice(file);
  if (known !== undefined) return known;
  const failure = await bootUnderKvm(options);
  const choice: AcceleratorChoice =
    failure === undefined
      ? { accelerator: 'kvm', reason: 'KVM is used: a guest booted with it' }
      : { accelerator: 'tcg', reason: `KVM is not used: ${KVM_DEVICE} opens, but ${failure}` };
  await writeFileAtomic(file, `${JSON.stringify(choice)}\n`);
  return choice;
}

/** Boots the probe guest. Returns what went wrong, if anything. */
async function bootUnderKvm(options: AcceleratorOptions): Promise<string | undefined> {
  const { cacheDir, signal } = options;
  await mkdir(cacheDir, { recursive: true });
  const { kernel, initrd, marker } = await options.provideProbe();
  const directory = await mkdtemp(join(cacheDir, 'probe-'));
  try {
    await using qemu = await QemuProcess.start({
      name: 'kvm-probe',
      directory,
      accelerator: 'kvm',
      memoryMb: PROBE_MEMORY_MB,
      boot: { kernel, initrd },
      ...(options.binary !== undefined && { binary: options.binary }),
      ...(signal && { signal }),
    });
    let ended = false as boolean;
    void qemu.exited.then(() => (ended = true));
    const deadlineMs = performance.now() + BOOT_TIMEOUT_MS;
    for (;;) {
      // Asked before the log is read, or its last words would be missed.
      const gone = ended;
      if ((await readFile(qemu.files.serialLog, 'latin1')).includes(marker)) return undefined;
      if (gone) return `QEMU ended: ${firstLine((await qemu.exited).stderr)}`;
      if (performance.now() > deadlineMs) return `a guest did not boot within ${BOOT_TIMEOUT_MS / 1000} s`;
      if (signal?.aborted) throw new XiaError('interrupted', 'the KVM probe was given up', {}, { cause: signal.reason });
      await sleep(POLL_MS);
    }
  } catch (error: unknown) {
    if (error instanceof XiaError && error.code !== 'qemu-failed') throw error;
    return firstLine(error instanceof Error ? error.message : String(error));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] || 'it said nothing';
}

/** A name for what the answer depends on: the host's kernel and processor, and the QEMU that is installed. */
async function machineKey(options: AcceleratorOptions): Promise<string> {
  const program = await requireQemu(options.binary);
  const { size, mtimeMs } = await stat(program);
  const parts = [release(), cpus()[0]?.model ?? '', program, `${size}`, `${mtimeMs}`];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);
}

async function readChoice(file: string): Promise<AcceleratorChoice | undefined> {
  try {
    const result = v.safeParse(choiceSchema, JSON.parse(await readFile(file, 'utf8')));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
