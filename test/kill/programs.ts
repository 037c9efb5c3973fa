import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** From the sources as well as from what is built of them. */
export const XMIGRATE = fileURLToPath(import.meta.resolve('xmigrate')).replace(/(dist|src)\/index\.[jt]s$/, 'bin/xmigrate.js');

/** An `xmigrate` that somebody looks at. */
export interface Program {
  readonly child: ChildProcess;
  /** What it has said so far, on both streams. */
  readonly text: () => string;
  readonly ended: Promise<number | null>;
  readonly isOver: () => boolean;
}

export function xmigrate(environment: Readonly<Record<string, string>>, words: readonly string[]): Program {
  const child = spawn(process.execPath, [XMIGRATE, ...words], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  let isOver = false;
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const ended = once(child, 'close').then(([code]) => {
    isOver = true;
    return code as number | null;
  });
  return { child, text: () => text, ended, isOver: () => isOver };
}
