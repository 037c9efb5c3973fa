import type { CaseFigures } from './bench-figures.js';
import type { BenchMode, MemoryCase } from './modes.js';

/** A reach, and what was measured; undefined, and then missed, when it was not. */
export interface Goal {
  readonly name: string;
  readonly measured: number | undefined;
  readonly ok: boolean;
}

/** XIA's time over that of others, at most. What QEMU's own way costs is mostly the touching of fresh memory, which pre-faulting takes out. */
const MAXIMUM_TIME: Readonly<Record<MemoryCase, Readonly<Partial<Record<BenchMode, number>>>>> = {
  'as-started': { tcp: 1.3, tls: 1, sshGcm: 0.7 },
  'pre-faulted': { tcp: 6, tls: 1.5, sshGcm: 0.7 },
};
const SHORT_NAMES: Readonly<Partial<Record<BenchMode, string>>> = { tcp: 'tcp', tls: 'TLS x509', sshGcm: 'ssh (aes128-gcm)' };
const MAXIMUM_DOWNTIME_TO_TCP = 1.2;
const MAXIMUM_DOWNTIME_MS = 100;
const MAXIMUM_RSS_MB = 200;

function goal(name: string, measured: number | undefined, isWithin: (value: number) => boolean): Goal {
  return { name, measured, ok: measured !== undefined && isWithin(measured) };
}

/** The reaches of one case. */
export function caseGoals({ memory, modes, ratios }: CaseFigures): Goal[] {
  const times = Object.entries(MAXIMUM_TIME[memory]).map(([mode, most]) =>
    goal(
      `total time at most ${most} times ${SHORT_NAMES[mode as BenchMode]}`,
      ratios[mode as BenchMode]?.totalTime,
      (value) => value <= most,
    ),
  );
  return [
    ...times,
    goal(
      `QEMU's downtime at most ${MAXIMUM_DOWNTIME_TO_TCP} times tcp`,
      ratios.tcp?.qemuDowntime,
      (value) => value <= MAXIMUM_DOWNTIME_TO_TCP,
    ),
    goal(`QEMU's downtime under ${MAXIMUM_DOWNTIME_MS} ms`, modes.xia?.qemuDowntimeMs, (value) => value < MAXIMUM_DOWNTIME_MS),
    goal(`sender under ${MAXIMUM_RSS_MB} MB`, modes.xia?.senderPeakRssMb, (value) => value < MAXIMUM_RSS_MB),
    goal(`receiver under ${MAXIMUM_RSS_MB} MB`, modes.xia?.receiverPeakRssMb, (value) => value < MAXIMUM_RSS_MB),
  ];
}
