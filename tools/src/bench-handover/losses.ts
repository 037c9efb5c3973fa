/** Datagrams that did not arrive, by when they were sent: what is lost before the stop was still on its way, or too much for the machine. */
export interface LossesBy {
  readonly before: number;
  readonly during: number;
  readonly after: number;
}

/** @param sentMs when each lost datagram was sent, wall-clock ms */
export function lossesBy(
  sentMs: readonly number[],
  { stoppedAtMs, resumedAtMs }: { readonly stoppedAtMs: number; readonly resumedAtMs: number },
): LossesBy {
  const before = sentMs.filter((atMs) => atMs < stoppedAtMs).length;
  const after = sentMs.filter((atMs) => atMs >= resumedAtMs).length;
  return { before, during: sentMs.length - before - after, after };
}
