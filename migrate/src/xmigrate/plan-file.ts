import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { attachAddress, parseYaml, PrincipalType, readConfigText, Xid } from 'xia-core';
import { diskModes } from '../disk/index.js';
import { vmNameSchema } from '../protocol/index.js';
import { parseSize, sizeWanted, type SizeBounds } from './byte-size.js';
import {
  BANDWIDTH,
  CHUNK,
  MAX_DOWNTIME_MS,
  MAX_TIMEOUT_SECONDS,
  REQUIRED_SETTINGS,
  STANDBY_NEEDS_UNIX,
  WINDOW,
  type MoveSettings,
} from './run-options.js';

const MAX_VMS = 1000;
const MAX_CONCURRENCY = 64;

const text = v.pipe(v.string(), v.minLength(1));
const milliseconds = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_DOWNTIME_MS));

const endpoint = v.pipe(
  text,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      attachAddress(dataset.value);
    } catch (error) {
      addIssue({ message: (error as Error).message });
    }
  }),
);

const guest = v.pipe(
  v.string(),
  v.rawTransform<string, Xid>(({ dataset, addIssue, NEVER }) => {
    const xid = Xid.tryParse(dataset.value);
    if (xid instanceof Xid && xid.type === PrincipalType.HID) return xid;
    addIssue({ message: 'not a HID (HID: and 40 hex digits)' });
    return NEVER;
  }),
);

const size = (bounds: SizeBounds) =>
  v.pipe(
    v.union([v.string(), v.number()], 'a size such as 256K or 32M is needed'),
    v.rawTransform<string | number, number>(({ dataset, addIssue, NEVER }) => {
      const bytes = parseSize(String(dataset.value), bounds);
      if (bytes !== undefined) return bytes;
      addIssue({ message: sizeWanted(bounds) });
      return NEVER;
    }),
  );

const settings = {
  sourceHost: v.optional(endpoint),
  destinationHost: v.optional(endpoint),
  sourceState: v.optional(text),
  destinationState: v.optional(text),
  sourceKey: v.optional(text),
  destinationKey: v.optional(text),
  sourceControl: v.optional(text),
  destinationControl: v.optional(text),
  sourceStandby: v.optional(text),
  destinationStandby: v.optional(text),
  watch: v.optional(v.array(text)),
  trust: v.optional(text),
  downtimeLimit: v.optional(milliseconds),
  maxDowntime: v.optional(milliseconds),
  bandwidth: v.optional(size(BANDWIDTH)),
  timeout: v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(MAX_TIMEOUT_SECONDS))),
  adapt: v.optional(v.boolean()),
  chunk: v.optional(size(CHUNK)),
  window: v.optional(size(WINDOW)),
  qemuStream: v.optional(v.picklist(['unix', 'exec'])),
  secret: v.optional(text),
  prefault: v.optional(v.boolean()),
  disk: v.optional(v.picklist(diskModes)),
  sharedStorage: v.optional(v.boolean()),
  diskBandwidth: v.optional(size(BANDWIDTH)),
  eventsDir: v.optional(text),
};

const machine = v.strictObject({
  vm: vmNameSchema,
  sourceQmp: text,
  destinationQmp: text,
  guest: v.optional(guest),
  name: v.optional(text),
  ...settings,
});

const planSchema = v.pipe(
  v.strictObject({
    concurrency: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_CONCURRENCY)), 1),
    order: v.optional(v.picklist(['listed', 'smallest-first', 'largest-first']), 'listed'),
    onFailure: v.optional(v.picklist(['stop', 'continue']), 'stop'),
    defaults: v.optional(v.strictObject(settings), {}),
    vms: v.pipe(v.array(machine), v.minLength(1), v.maxLength(MAX_VMS)),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const plan = dataset.value;
    const seen = new Set<string>();
    for (const [index, entry] of plan.vms.entries()) {
      const at = (message: string) => {
        const inPlan = { type: 'object', origin: 'value', input: plan, key: 'vms', value: plan.vms } as const;
        addIssue({ message, path: [inPlan, { type: 'array', origin: 'value', input: plan.vms, key: index, value: entry }] });
      };
      const whole: Record<string, unknown> = { ...plan.defaults, ...entry };
      const missing = REQUIRED_SETTINGS.filter((name) => whole[name] === undefined);
      if (missing.length > 0) at(`${missing.join(', ')}: missing, and not in "defaults"`);
      if (whole['qemuStream'] === 'exec' && (whole['sourceStandby'] ?? whole['destinationStandby']) !== undefined) at(STANDBY_NEEDS_UNIX);
      if (seen.has(entry.vm)) at(`${entry.vm} is there twice`);
      seen.add(entry.vm);
    }
  }),
);

/** Several moves, with the defaults filled in and paths made absolute. */
export interface GroupPlan {
  readonly concurrency: number;
  readonly order: 'listed' | 'smallest-first' | 'largest-first';
  readonly onFailure: 'stop' | 'continue';
  readonly moves: readonly MoveSettings[];
}

const PATHS = [
  'sourceQmp',
  'destinationQmp',
  'sourceState',
  'destinationState',
  'sourceKey',
  'destinationKey',
  'sourceControl',
  'destinationControl',
  'sourceStandby',
  'destinationStandby',
  'secret',
  'eventsDir',
] as const satisfies readonly (keyof MoveSettings)[];

/**
 * The plan of a text. Paths are relative to `folder`.
 * @throws XiaError `bad-config` with file, line and path of each fault
 */
export async function parsePlan(yaml: string, file: string, folder: string): Promise<GroupPlan> {
  const { defaults, vms, ...rest } = await parseYaml(yaml, file, planSchema);
  const moves = vms.map((entry): MoveSettings => {
    // The schema has seen to it that nothing is missing.
    const whole = { adapt: true, ...withoutUndefined(defaults), ...withoutUndefined(entry) } as MoveSettings;
    const paths = PATHS.flatMap((name) => (whole[name] === undefined ? [] : [[name, resolve(folder, whole[name])] as const]));
    return {
      ...whole,
      ...Object.fromEntries(paths),
      sourceHost: attachAddress(whole.sourceHost, folder),
      destinationHost: attachAddress(whole.destinationHost, folder),
      watch: whole.watch?.map((path) => resolve(folder, path)),
    };
  });
  return { ...rest, moves };
}

/** @throws XiaError `bad-config` */
export async function loadPlan(file: string): Promise<GroupPlan> {
  return parsePlan(await readConfigText(file), file, dirname(resolve(file)));
}

function withoutUndefined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
