import * as v from 'valibot';

/** What a worker says to its standby over the channel between parent and child. The words back are connections, and to hurry. */
const workerMessageSchema = v.variant('kind', [
  /** It has everything loaded. Seconds of processor time that it took to become so, MB of memory, and why it is not warm, if so. */
  v.strictObject({ kind: v.literal('ready'), cpuSeconds: v.number(), rssMb: v.number(), fault: v.string() }),
  /** It is free for another program; how many it has run. */
  v.strictObject({ kind: v.literal('free'), programs: v.number(), rssMb: v.number() }),
  /** It takes no more connections and ends. */
  v.strictObject({ kind: v.literal('leaving'), reason: v.string() }),
]);

export type WorkerMessage = v.InferOutput<typeof workerMessageSchema>;

export function readWorkerMessage(value: unknown): WorkerMessage | undefined {
  const result = v.safeParse(workerMessageSchema, value);
  return result.success ? result.output : undefined;
}
