import * as v from 'valibot';
import { vmNameSchema } from '../protocol/index.js';

/**
 * Phases of a VM on one host, written before the step that they name.
 *
 * source: `sending` before the first chunk, `handed-over` before COMMITTED leaves, `gone` when the destination has
 * confirmed, `running` when an attempt ended and the VM is still (or again) this host's.
 *
 * destination: `receiving` before the first chunk, `received` before RECEIVED leaves, `running` before the guest is started or the end
 * of the stream goes to QEMU, `aborted` before ABORT leaves, `failed` when QEMU went away then and never ran the guest.
 */
export const ownershipPhases = {
  source: ['running', 'sending', 'handed-over', 'gone'],
  destination: ['receiving', 'received', 'running', 'aborted', 'failed'],
} as const;

export type SourcePhase = (typeof ownershipPhases.source)[number];
export type DestinationPhase = (typeof ownershipPhases.destination)[number];

const fields = {
  format: v.literal(1),
  vm: vmNameSchema,
  /** Names the attempt, the same at both ends: 32 hexadecimal digits. */
  transfer: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$|^$/)),
  /** DAG of the other end, empty while it is unknown. */
  peer: v.pipe(v.string(), v.maxLength(4096)),
  /** QEMU's QMP socket on this host, and the XIA host beside it; empty while unknown. */
  qmp: v.optional(v.pipe(v.string(), v.maxLength(4096)), ''),
  host: v.optional(v.pipe(v.string(), v.maxLength(4096)), ''),
  /** Whether the VM ran when its move began: one that was paused stays so wherever it ends. */
  runs: v.optional(v.boolean(), true),
  /** The xmigrate process that wrote this. */
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Grows with each write of this file. */
  sequence: v.pipe(v.number(), v.integer(), v.minValue(1)),
  updatedAt: v.pipe(v.string(), v.isoTimestamp()),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  chunks: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Why the attempt ended, empty otherwise. */
  reason: v.pipe(v.string(), v.maxLength(4096)),
};

export const ownershipSchema = v.variant('role', [
  v.strictObject({ ...fields, role: v.literal('source'), phase: v.picklist(ownershipPhases.source) }),
  v.strictObject({ ...fields, role: v.literal('destination'), phase: v.picklist(ownershipPhases.destination) }),
]);

/** What one host knows about who runs a VM. */
export type OwnershipRecord = v.InferOutput<typeof ownershipSchema>;

/** A role with one of its phases: what changes from one write to the next. */
export type OwnershipStep = { role: 'source'; phase: SourcePhase } | { role: 'destination'; phase: DestinationPhase };
