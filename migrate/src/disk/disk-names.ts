/** Name of the block job, of the node and of the NBD export for the n-th disk that is copied. */
export function mirrorName(index: number): string {
  return `xmigrate-disk-${index}`;
}

/** Whether a name is one of ours: what an orchestrator left behind that was killed. */
export function isMirrorName(name: string): boolean {
  return /^xmigrate-disk-\d+$/.test(name);
}
