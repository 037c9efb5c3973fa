import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { onTestFinished } from 'vitest';

/** A folder that is gone after the test. Its path is short enough for UNIX sockets in it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'xia-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
