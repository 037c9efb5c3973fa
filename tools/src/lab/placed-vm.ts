import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { QemuProcess, queryRunState, type Accelerator, type QemuBoot, type QemuMachine, type RunState } from 'xmigrate';
import type { Testbed } from '../xtestbed/index.js';
import { SerialLog } from './serial-log.js';

/** The same card at every site: its address is part of the state that moves. */
const GUEST_MAC = '52:54:00:77:00:02';
export const GUEST_MEMORY_MB = 640;
export const BOOT_TIMEOUT_MS = 240_000;
/** QEMU answers when its memory is touched: 0.1-1 s of processor time per GB, and much more of everybody's time on a busy machine. */
const START_TIMEOUT_MS = 30_000;
const TOUCH_MS_PER_MB = 30;

export interface PlaceOptions {
  readonly testbed: Testbed;
  readonly host: string;
  /** Tells the QEMUs of a run apart. */
  readonly number: number;
  readonly accelerator: Accelerator;
  /** Absent for a destination, which waits for the guest to come. */
  readonly boot?: QemuBoot;
  readonly preallocate: boolean;
  /** MiB, default `GUEST_MEMORY_MB`. */
  readonly memoryMb?: number;
  /** Without a network card: not plugged into the host. */
  readonly isUnplugged?: boolean;
  readonly signal: AbortSignal;
}

/** The machine that the guest runs on, the same on every host. @throws XiaError `usage` when the host has no place for one */
export function guestMachine(testbed: Testbed, host: string, accelerator: Accelerator): QemuMachine {
  return { accelerator, memoryMb: GUEST_MEMORY_MB, network: { path: testbed.vmSocket(host), mac: GUEST_MAC } };
}

/** A QEMU whose guest is plugged into a host of the testbed, or waits there for the guest to come. */
export class PlacedVm implements AsyncDisposable {
  readonly host: string;
  readonly qemu: QemuProcess;
  readonly serial: SerialLog;
  readonly #logFile: string;

  private constructor(host: string, qemu: QemuProcess, logFile: string) {
    this.host = host;
    this.qemu = qemu;
    this.serial = new SerialLog(qemu.files.serialLog);
    this.#logFile = logFile;
  }

  /** @throws XiaError as `QemuProcess.start` */
  static async start(options: PlaceOptions): Promise<PlacedVm> {
    const { testbed, host, number, accelerator, boot, preallocate, memoryMb = GUEST_MEMORY_MB, signal } = options;
    const name = `${host}.qemu-${number}`;
    const qemu = await QemuProcess.start({
      ...(options.isUnplugged ? { accelerator } : guestMachine(testbed, host, accelerator)),
      memoryMb,
      startTimeoutMs: START_TIMEOUT_MS + (preallocate ? memoryMb * TOUCH_MS_PER_MB : 0),
      name,
      // QEMU's sockets need a short path; the console is copied to the logs at the end.
      directory: join(testbed.state.socketDir, name),
      ...(boot === undefined ? { incoming: true, preallocate } : { boot }),
      signal,
    });
    return new PlacedVm(host, qemu, join(testbed.runDir, 'logs', `${name}.serial.log`));
  }

  async runState(): Promise<RunState> {
    return queryRunState(this.qemu.qmp);
  }

  /** Ends QEMU and keeps its console. */
  async stop(): Promise<void> {
    await this.qemu.stop();
    await mkdir(join(this.#logFile, '..'), { recursive: true });
    await copyFile(this.qemu.files.serialLog, this.#logFile).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
