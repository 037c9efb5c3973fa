import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { XiaError } from 'xia-core';

export const processSchema = v.strictObject({
  name: v.string(),
  pid: v.pipe(v.number(), v.integer(), v.minValue(2)),
  startTicks: v.string(),
  marker: v.string(),
});

const nodeSchema = v.strictObject({
  name: v.string(),
  kind: v.picklist(['link', 'router', 'host', 'nameserver']),
  ad: v.string(),
  hid: v.string(),
  configFile: v.string(),
  logFile: v.string(),
  control: v.string(),
  args: v.optional(v.array(v.string())),
  access: v.optional(v.string()),
  accessMtu: v.optional(v.number()),
  vms: v.record(v.string(), v.string()),
  process: v.optional(processSchema),
});

const stateSchema = v.strictObject({
  version: v.literal(1),
  topology: v.string(),
  startedAt: v.string(),
  socketDir: v.string(),
  ads: v.record(v.string(), v.string()),
  nameServer: v.optional(v.string()),
  nodes: v.array(nodeSchema),
});

/** What `xtestbed up` leaves for `down`, `exec` and `status`: which processes run, and where they listen. */
export type TestbedState = v.InferOutput<typeof stateSchema>;
export type TestbedNode = TestbedState['nodes'][number];

export const STATE_FILE = 'testbed.json';

/** @throws XiaError `bad-config` when there is no testbed in that folder or its state file is not one. */
export async function readState(runDir: string): Promise<TestbedState> {
  const file = join(runDir, STATE_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new XiaError('bad-config', `${runDir}: no testbed runs from this folder (start one with "xtestbed up")`, { runDir }, { cause });
  }
  try {
    return v.parse(stateSchema, JSON.parse(text));
  } catch (cause) {
    throw new XiaError('bad-config', `${file}:1:1: ${(cause as Error).message}`, { file }, { cause });
  }
}

/** Replaces the state file in one step: a reader sees the old state or the new one. */
export async function writeState(runDir: string, state: TestbedState): Promise<void> {
  const file = join(runDir, STATE_FILE);
  await writeFile(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
