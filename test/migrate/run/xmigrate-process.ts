import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { endWithTest } from '../support/end-with-test.js';
import { XMIGRATE } from './real-pair.js';

export interface Ended {
  readonly code: number | null;
  readonly text: string;
}

export interface Running {
  readonly ended: Promise<Ended>;
  /** Waits until it has said this, and returns the first group of it. */
  said(pattern: RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs an xmigrate as a process of its own and follows what it says, until it ends or the test does. */
export function xmigrate(...words: string[]): Running {
  const child = spawn(process.execPath, [XMIGRATE, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  endWithTest(child);
  let text = '';
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      for (const look of looks) look();
    });
  }
  return {
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, text })),
    said: (pattern) =>
      new Promise((resolve) => {
        const look = () => {
          const match = pattern.exec(text);
          if (match !== null) resolve(match[1] ?? match[0]);
        };
        looks.add(look);
        look();
      }),
    kill: (signal) => void child.kill(signal),
  };
}

/** The processes that have this text in their command line. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
      } catch {
        return false;
      }
    });
}
