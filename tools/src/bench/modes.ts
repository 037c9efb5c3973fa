/** The ways to move a guest that are compared, in the order of the tables. */
export const benchModes = ['tcp', 'multifd', 'socat', 'sshGcm', 'ssh', 'tls', 'xiaCold', 'xia', 'xiaAgain'] as const;
export type BenchMode = (typeof benchModes)[number];
/** What is measured unless something else is asked for. The last one needs caches so large that the others pay for them. */
export const usualModes = benchModes.filter((mode) => mode !== 'xiaAgain');
/** Those by `xmigrate`. */
export type XiaMode = 'xia' | 'xiaCold' | 'xiaAgain';

export function isXia(mode: BenchMode): mode is XiaMode {
  return mode === 'xia' || mode === 'xiaCold' || mode === 'xiaAgain';
}

/** Whether its programs are those of a standby. */
export function usesStandby(mode: BenchMode): boolean {
  return isXia(mode) && mode !== 'xiaCold';
}

export const modeTitles: Readonly<Record<BenchMode, string>> = {
  tcp: 'QEMU tcp:',
  multifd: 'QEMU tcp:, multifd 2',
  socat: 'exec:socat',
  sshGcm: 'exec:ssh, aes128-gcm',
  ssh: 'exec:ssh, its own cipher',
  tls: 'QEMU TLS, x509',
  xiaCold: 'XIA, programs started anew',
  xia: 'XIA, two routers, encrypted',
  xiaAgain: 'XIA, memory moved before',
};

/** Whether the destination's memory was touched before the guest came. */
export const memoryCases = ['as-started', 'pre-faulted'] as const;
export type MemoryCase = (typeof memoryCases)[number];

/** The first of all in a round changes from round to round, so that none always follows the same one. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const from = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}
