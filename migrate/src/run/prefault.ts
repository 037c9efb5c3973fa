import * as v from 'valibot';
import { XiaError } from 'xia-core';
import type { QmpClient } from '../qemu/index.js';

/** Touching memory takes 0.1-1 s of processor time per GB; a busy machine takes many times as long. */
const PREFAULT_TIMEOUT_MS = 600_000;
const MEGABYTE = 1e6;
const GIGABYTE = 1e9;

const memdevsSchema = v.array(
  v.object({
    // Absent for a backend that was made without a name.
    id: v.optional(v.string()),
    size: v.number(),
    prealloc: v.boolean(),
  }),
);

/** A part of a machine's memory, as `query-memdev` tells it. Sizes in bytes. */
export type Memdev = v.InferOutput<typeof memdevsSchema>[number];

/** What pre-faulting would do for a destination. */
export interface PrefaultAdvice {
  /** Whether QEMU touched all of its memory when it was started, so that loading a guest does not have to. */
  readonly isPrefaulted: boolean;
  /** Memory that the kernel gives page by page while the guest comes. */
  readonly untouchedBytes: number;
  /** Names of the backends that `prefaultMemory` can touch. */
  readonly ids: readonly string[];
  /** For the operator: what it costs to leave it, and what can be done; undefined when there is nothing to gain. */
  readonly advice: { readonly what: string; readonly todo: string } | undefined;
}

/**
 * Asks a QEMU what its memory is made of.
 * @throws XiaError `qmp-error`, also when the answer is not what QEMU documents
 */
export async function queryMemdevs(qmp: QmpClient): Promise<Memdev[]> {
  const result = v.safeParse(memdevsSchema, await qmp.execute('query-memdev'));
  if (result.success) return result.output;
  throw new XiaError('qmp-error', `QEMU's answer to query-memdev cannot be understood (${result.issues[0].message})`);
}

/**
 * Whether a move to this QEMU would be faster with its memory pre-faulted. A machine of QEMU 7.2 or later whose memory has no
 * backend of its own has one that QEMU made (`pc.ram`), so the list is never empty for a machine with memory.
 */
export function prefaultAdvice(memdevs: readonly Memdev[]): PrefaultAdvice {
  const untouched = memdevs.filter(({ prealloc }) => !prealloc);
  const untouchedBytes = untouched.reduce((sum, { size }) => sum + size, 0);
  const ids = untouched.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (untouched.length === 0) return { isPrefaulted: memdevs.length > 0, untouchedBytes, ids, advice: undefined };
  const megabytes = Math.round(untouchedBytes / MEGABYTE);
  const seconds = Math.max(1, Math.ceil(untouchedBytes / GIGABYTE));
  const advice = {
    what: `${megabytes} MB of its memory are not pre-faulted: the kernel gives them page by page while the guest comes, which slows the move down`,
    todo:
      `--prefault touches them first (up to ${seconds} s, in which the guest runs on), and then all of them are taken; ` +
      'so does -mem-prealloc (prealloc=on of its memory backend) when that QEMU is started',
  };
  return { isPrefaulted: false, untouchedBytes, ids, advice };
}

/**
 * Touches the memory of a QEMU that waits for a guest, now, as `-mem-prealloc` does when it is started. QEMU answers nothing else
 * meanwhile, so this is for a destination before its move, never for a machine that runs.
 * @param ids names of its memory backends, see `PrefaultAdvice.ids`
 * @throws XiaError `qmp-error` when QEMU cannot have that much memory, or knows no such backend; `interrupted`
 */
export async function prefaultMemory(qmp: QmpClient, ids: readonly string[], signal?: AbortSignal): Promise<void> {
  for (const id of ids) {
    const property = { path: `/objects/${id}`, property: 'prealloc', value: true };
    await qmp.execute('qom-set', property, { timeoutMs: PREFAULT_TIMEOUT_MS, signal });
  }
}
