/** Milliseconds since 1970 with fractions, as QEMU and our daemons on this machine stamp what they tell. */
export function wallNow(): number {
  return performance.timeOrigin + performance.now();
}
