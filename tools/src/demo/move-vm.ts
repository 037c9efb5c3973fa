import { join } from 'node:path';
import { runMigration, type RunProgress, type RunResult } from 'xmigrate';
import type { Lab, PlacedVm } from '../lab/index.js';
import type { Phase } from '../report/index.js';

export interface MoveOptions {
  readonly lab: Lab;
  readonly vm: PlacedVm;
  readonly destination: PlacedVm;
  readonly downtimeLimitMs: number;
  /** What the ends call the VM, default `vm`. Its ownership is kept under that name, so who moves it by other means needs another each time. */
  readonly name?: string;
  /** The command that starts `xmigrate`; default: this installation's. */
  readonly xmigrate?: readonly string[];
  /** A secret of the VM's owner: what of its memory was moved before comes from caches. */
  readonly secretFile?: string;
  /** The standby of a host, whose program is used; default: programs are started. */
  readonly standby?: (host: string) => string;
  readonly onProgress: (progress: RunProgress) => void;
  readonly signal: AbortSignal;
}

export interface Move {
  readonly from: string;
  readonly to: string;
  readonly result: RunResult;
  /** The wall-clock time that the phases' `atMs` count from. */
  readonly zeroWallMs: number;
  /** From QEMU's `migrate` command until the guest runs at the destination. */
  readonly totalTimeMs: number;
}

/** The times of two phases of a run apart, the whole run's time when one of them did not happen. */
function between(result: RunResult, from: string, to: string): number {
  const start = result.phases.find(({ name }) => name === from)?.atMs;
  const end = result.phases.findLast(({ name }) => name === to)?.atMs;
  return start === undefined || end === undefined ? result.totalTimeMs : end - start;
}

/** Moves the VM by `xmigrate send` and `recv`, each attached to the XIA host on its side. */
export async function moveVm(options: MoveOptions): Promise<Move> {
  const { lab, vm, destination, downtimeLimitMs, name = 'vm', xmigrate, secretFile, standby, onProgress, signal } = options;
  const { testbed } = lab;
  const side = (place: PlacedVm) => {
    const { access = '', control } = testbed.node(place.host);
    const where = { qmp: place.qemu.files.qmpSocket, host: access, control, stateDirectory: lab.stateDirectory(place.host) };
    return { ...where, ...(standby === undefined ? {} : { standby: standby(place.host) }) };
  };
  let zeroWallMs: number | undefined;
  const result = await runMigration(
    {
      vm: name,
      ...(lab.hasAgent ? { guest: lab.vmHid } : {}),
      ...(xmigrate === undefined ? {} : { xmigrate }),
      ...(secretFile === undefined ? {} : { secretFile }),
      source: side(vm),
      destination: side(destination),
      trust: Object.values(testbed.state.ads).join(','),
      eventsDirectory: join(testbed.runDir, 'logs'),
      downtimeLimitMs,
      signal,
    },
    (progress) => {
      zeroWallMs ??= Date.now() - progress.atMs;
      onProgress(progress);
    },
  );
  return {
    from: vm.host,
    to: destination.host,
    result,
    zeroWallMs: zeroWallMs ?? Date.now(),
    totalTimeMs: between(result, 'started', 'resumed'),
  };
}

const phaseTitles: Readonly<Record<string, string>> = {
  listening: 'destination listens',
  started: 'migrate',
  connected: 'connected',
  stopped: 'VM stopped',
  'input-sent': 'stream read',
  received: 'stream received',
  committing: 'commit',
  taken: 'handed over',
  resumed: 'VM resumed',
};

/** The phases of a move on the clock of the whole run, with names for people; the picture has them all. */
export function movePhases(move: Move, number: number, total: number, zeroWallMs: number): Phase[] {
  const prefix = total > 1 ? `${number}: ` : '';
  return move.result.phases.flatMap(({ name, atMs }) => {
    const title = phaseTitles[name];
    return title === undefined ? [] : [{ name: `${prefix}${title}`, atMs: Math.round((move.zeroWallMs + atMs - zeroWallMs) * 10) / 10 }];
  });
}
