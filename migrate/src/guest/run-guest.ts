import { readFileSync } from 'node:fs';
import { parseGuestConfig, type GuestConfig } from './guest-config.js';
import { GUEST_CONFIG_PATH } from './init-script.js';
import { runWorkload, type RunningWorkload } from './workload.js';

/** What the application of a guest is given. */
export interface GuestContext {
  readonly config: GuestConfig;
  /** The memory load, when the configuration asks for one. */
  readonly workload: RunningWorkload | undefined;
  /** Prints one JSON line on the serial console, which QEMU keeps in its serial log. */
  readonly report: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/**
 * The entry of everything that runs inside a guest: reads the configuration, starts the memory load, runs the application, and
 * says on the console what it does. When the application throws, the guest says why and ends, which ends QEMU too.
 *
 * A guest's entry file is one call of this. It should import this file and not the folder's index, which has the builder in it.
 */
export async function runGuest(application: (context: GuestContext) => Promise<void>): Promise<void> {
  try {
    const config = parseGuestConfig(readFileSync(GUEST_CONFIG_PATH, 'utf8'));
    report('started', { node: process.version, uptimeMs: uptimeMs() });
    const workload = config.workload === undefined ? undefined : runWorkload(config.workload);
    void workload?.filled.then(() => report('filled', { ...workload.workload.status, uptimeMs: uptimeMs(), ...memory() }));
    await application({ config, workload, report });
    process.exit(0);
  } catch (error) {
    report('failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(1);
  }
}

function report(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ guest: event, ...fields })}\n`);
}

/** Since the kernel started, by the guest's own clock, which stands still during a move. */
function uptimeMs(): number {
  return Math.round(Number.parseFloat(readFileSync('/proc/uptime', 'latin1')) * 1000);
}

/** How much memory the guest has, and how much of it is to be had without swapping, in bytes. */
export function memory(): { memoryBytes: number; availableBytes: number; nodeBytes: number } {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const bytesOf = (key: string) => Number.parseInt(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? '0', 10) * 1024;
  return { memoryBytes: bytesOf('MemTotal'), availableBytes: bytesOf('MemAvailable'), nodeBytes: process.memoryUsage.rss() };
}
