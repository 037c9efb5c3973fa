import * as v from 'valibot';
import { XiaError } from 'xia-core';

/**
 * The messages of the QEMU Machine Protocol (QEMU documentation, `docs/interop/qmp-spec`).
 *
 * Unlike our own protocols these are read loosely: every QEMU release adds keys, and one that we do not know is no fault.
 */

const greetingSchema = v.object({
  QMP: v.object({
    version: v.object({
      qemu: v.object({ major: v.number(), minor: v.number(), micro: v.number() }),
    }),
    capabilities: v.array(v.unknown()),
  }),
});

const eventSchema = v.object({
  event: v.string(),
  data: v.optional(v.record(v.string(), v.unknown()), {}),
  timestamp: v.object({ seconds: v.number(), microseconds: v.number() }),
});

const answerSchema = v.object({ id: v.number(), return: v.unknown() });

const failureSchema = v.object({
  // Absent when QEMU could not read the command.
  id: v.optional(v.number()),
  error: v.object({ class: v.string(), desc: v.string() }),
});

/** The release of a QEMU, such as 7.2.22. */
export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
}

/** Something that QEMU told without being asked, such as `RESUME` or `SHUTDOWN`. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** QEMU's wall clock, milliseconds since 1970. */
  readonly timestampMs: number;
}

export type QmpMessage =
  | { readonly kind: 'greeting'; readonly version: QemuVersion }
  | { readonly kind: 'event'; readonly event: QmpEvent }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly errorClass: string; readonly desc: string };

/**
 * Reads one line of a QMP conversation.
 * @throws XiaError `qmp-error` when the line is no JSON, or none of the four messages.
 */
export function parseQmpMessage(line: string): QmpMessage {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw malformed(line, 'it is not JSON', cause);
  }
  if (typeof json !== 'object' || json === null) throw malformed(line, 'it is not an object');
  if ('QMP' in json) {
    const { QMP } = checked(greetingSchema, json, line);
    return { kind: 'greeting', version: QMP.version.qemu };
  }
  if ('event' in json) {
    const { event, data, timestamp } = checked(eventSchema, json, line);
    const timestampMs = timestamp.seconds * 1000 + timestamp.microseconds / 1000;
    return { kind: 'event', event: { event, data, timestampMs } };
  }
  if ('error' in json) {
    const { id, error } = checked(failureSchema, json, line);
    if (id === undefined) throw new XiaError('qmp-error', `QEMU could not read a line of ours: ${error.desc}`, { ...error });
    return { kind: 'failure', id, errorClass: error.class, desc: error.desc };
  }
  const answer = checked(answerSchema, json, line);
  return { kind: 'answer', id: answer.id, value: answer.return };
}

function checked<const S extends v.GenericSchema>(schema: S, json: unknown, line: string): v.InferOutput<S> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  throw malformed(line, v.flatten(result.issues).root?.[0] ?? describeIssue(result.issues[0]));
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? 'message'}: ${issue.message}`;
}

function malformed(line: string, reason: string, cause?: unknown): XiaError {
  const shown = line.length > 200 ? `${line.slice(0, 200)}...` : line;
  return new XiaError(
    'qmp-error',
    `QEMU sent a message that cannot be understood (${reason}): ${shown}`,
    { line: shown, reason },
    { cause },
  );
}
