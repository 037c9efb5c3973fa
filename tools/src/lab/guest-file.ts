import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { identityToPem, type NodeIdentity } from 'xia-core';
import { DEFAULT_WORKLOAD, formatGuestConfig } from 'xmigrate';

export interface GuestFileOptions {
  /** The guest's own key. It is why nobody else may read the file. */
  readonly identity: NodeIdentity;
  /** The name that it registers. */
  readonly name: string;
  /** The ADs that it believes, as text. */
  readonly trust: readonly string[];
  readonly workloadBytes: number;
  readonly dirtyBytesPerSecond?: number;
}

/** Writes what the demo's guest is told when it boots. */
export async function writeGuestFile(file: string, options: GuestFileOptions): Promise<void> {
  const { identity, name, trust, workloadBytes: bytes, dirtyBytesPerSecond = DEFAULT_WORKLOAD.dirtyBytesPerSecond } = options;
  const config = formatGuestConfig({
    workload: { ...DEFAULT_WORKLOAD, bytes, dirtyBytesPerSecond },
    application: { key: identityToPem(identity), name, trust },
  });
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, config, { mode: 0o600 });
}
