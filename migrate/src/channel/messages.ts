import * as v from 'valibot';

/**
 * What `xmigrate run` and the `send` and `recv` that it has started say to each other, over the channel between parent and child.
 * Neither end trusts the other's version of the program, so each message is checked.
 */

const fields = v.record(v.string(), v.unknown());

/** From a program: what happened, and commands for the QEMU whose monitor the parent holds. */
const upwardSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('event'), event: v.string(), fields }),
  v.strictObject({ kind: v.literal('qmp'), id: v.number(), command: v.string(), args: fields }),
  /** A program of a standby is over, as a process would end; `text` is what it had for stderr. */
  v.strictObject({ kind: v.literal('ended'), exitCode: v.number(), text: v.string() }),
  /** A standby has no program for this. */
  v.strictObject({ kind: v.literal('unavailable'), reason: v.string() }),
]);

/** To a program: whom it may deal with, and what QEMU says. */
const downwardSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('go'),
    /** For `send`: where to. */
    to: v.optional(v.string()),
    /** HIDs, as text. */
    allow: v.array(v.string()),
    /** Whether the guest ran, so that it is to run afterwards. */
    runs: v.boolean(),
  }),
  v.strictObject({ kind: v.literal('answer'), id: v.number(), value: v.unknown() }),
  v.strictObject({ kind: v.literal('failure'), id: v.number(), reason: v.string() }),
  v.strictObject({ kind: v.literal('qmp-event'), event: v.string(), data: fields, timestampMs: v.number() }),
  v.strictObject({ kind: v.literal('qmp-closed') }),
  /** To a program of a standby, in place of a signal. */
  v.strictObject({ kind: v.literal('stop') }),
]);

/** The first word to a standby: the command line of the program that is wanted. */
const orderSchema = v.strictObject({
  kind: v.literal('order'),
  role: v.picklist(['send', 'recv']),
  /** What follows the role. */
  words: v.array(v.string()),
});

export type Upward = v.InferOutput<typeof upwardSchema>;
export type Downward = v.InferOutput<typeof downwardSchema>;
export type GoMessage = Extract<Downward, { kind: 'go' }>;

export type Order = v.InferOutput<typeof orderSchema>;

export function readOrder(value: unknown): Order | undefined {
  const result = v.safeParse(orderSchema, value);
  return result.success ? result.output : undefined;
}

export function readUpward(value: unknown): Upward | undefined {
  const result = v.safeParse(upwardSchema, value);
  return result.success ? result.output : undefined;
}

export function readDownward(value: unknown): Downward | undefined {
  const result = v.safeParse(downwardSchema, value);
  return result.success ? result.output : undefined;
}
