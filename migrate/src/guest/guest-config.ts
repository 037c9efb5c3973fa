import * as v from 'valibot';
import { XiaError } from 'xia-core';

const MAX_CONFIG_BYTES = 64 * 1024;
const uint32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));

const workloadSchema = v.strictObject({
  bytes: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 33)),
  dirtyBytesPerSecond: v.pipe(v.number(), v.minValue(0), v.maxValue(2 ** 33)),
  seed: uint32,
});

/** 300 MB that do not compress, of which 4 MB/s are rewritten: a move of it converges on anything faster than that. */
export const DEFAULT_WORKLOAD: v.InferOutput<typeof workloadSchema> = {
  bytes: 300_000_000,
  dirtyBytesPerSecond: 4_000_000,
  seed: 1,
};

const guestConfigSchema = v.strictObject({
  workload: v.optional(workloadSchema),
  /** For the application alone, which checks it with a schema of its own. */
  application: v.optional(v.unknown()),
});

/** What a guest is told when it boots. JSON, given by `-fw_cfg`. */
export type GuestConfig = v.InferOutput<typeof guestConfigSchema>;

/** The text for the guest's configuration file. It may hold a key, so keep the file to its owner. */
export function formatGuestConfig(config: GuestConfig): string {
  return `${JSON.stringify(config)}\n`;
}

/** @throws XiaError `bad-config` */
export function parseGuestConfig(text: string): GuestConfig {
  if (text.length > MAX_CONFIG_BYTES) throw badConfig(`it has more than ${MAX_CONFIG_BYTES} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badConfig('it is not JSON', cause);
  }
  const result = v.safeParse(guestConfigSchema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw badConfig(`${v.getDotPath(issue) ?? 'configuration'}: ${issue.message}`);
}

function badConfig(reason: string, cause?: unknown): XiaError {
  return new XiaError('bad-config', `the guest's configuration: ${reason}`, { reason }, { cause });
}
