import { Readable } from 'node:stream';
import { vi } from 'vitest';
import { main } from '../../../tools/src/xdump/main.js';

class Exit extends Error {}

/** Runs `xdump` inside this process. */
export async function runXdump(
  args: readonly string[],
  input: string | Uint8Array = '',
): Promise<{ code: number | undefined; out: string; err: string }> {
  const result = { code: undefined as number | undefined, out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((result.out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((result.err += String(text)), true));
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([Buffer.from(input)]) as unknown as typeof process.stdin);
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    result.code ??= Number(code);
    throw new Exit();
  });
  await main(['node', 'xdump', ...args]).catch((error: unknown) => {
    if (!(error instanceof Exit)) throw error;
  });
  vi.restoreAllMocks();
  return result;
}
