import { XiaError } from '../bytes/index.js';

export interface PollEvents {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

/** Called with 0, or an error, and what is so. */
export type PollCallback = (...values: unknown[]) => void;

export interface PollHandle {
  start(events: PollEvents, callback: PollCallback): void;
  close(): void;
}

/** What is needed of the module that makes system calls. */
export interface ForeignCalls {
  readonly koffi: {
    errno(): number;
    /** Absent where it cannot watch descriptors. */
    readonly node: { readonly poll?: (fd: number, events: PollEvents, callback: PollCallback) => PollHandle };
  };
  readonly libc: { func(signature: string): unknown };
  /** Where bytes lie. */
  readonly locate: (bytes: Uint8Array) => number;
}

let loading: Promise<ForeignCalls> | undefined;

/**
 * Loads the module, once for the process. It is an optional dependency.
 * @throws XiaError `missing-prerequisite` (rejects) with the reason
 */
export function loadForeignCalls(): Promise<ForeignCalls> {
  loading ??= load();
  return loading;
}

async function load(): Promise<ForeignCalls> {
  // The layout of the structures that are given to the system is that of 64-bit little-endian Linux.
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
    throw new XiaError('missing-prerequisite', `not known for ${process.platform} on ${process.arch}`);
  }
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load(null);
    // Copies nothing; what it returns is where its first argument lies.
    const memcpy = libc.func('uintptr_t memcpy(void *, void *, size_t)') as (to: Uint8Array, from: Uint8Array, bytes: number) => number;
    return { koffi, libc, locate: (bytes) => memcpy(bytes, bytes, 0) };
  } catch (cause) {
    throw new XiaError('missing-prerequisite', `koffi cannot be loaded: ${(cause as Error).message}`, {}, { cause });
  }
}
