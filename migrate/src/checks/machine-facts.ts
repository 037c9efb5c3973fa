import * as v from 'valibot';
import { queryRunState, type QemuVersion, type QmpClient } from '../qemu/index.js';

const memorySchema = v.object({ 'base-memory': v.number(), 'plugged-memory': v.optional(v.number(), 0) });
const processorsSchema = v.array(v.looseObject({ 'qom-path': v.string() }));
const kvmSchema = v.object({ enabled: v.boolean() });
const capabilitiesSchema = v.array(v.object({ capability: v.string(), state: v.boolean() }));
const migrationSchema = v.object({
  status: v.optional(v.string(), 'none'),
  'blocked-reasons': v.optional(v.array(v.string()), []),
});

/** What a QEMU says of its machine, as far as a move depends on it. */
export interface MachineFacts {
  /** QOM type with its release, such as `pc-q35-7.2-machine`: an alias of the command line is resolved already. */
  readonly machine: string;
  readonly memoryBytes: number;
  readonly processors: number;
  /** QOM type of the first processor, such as `max-x86_64-cpu`. */
  readonly cpuModel: string;
  readonly accelerator: 'kvm' | 'tcg';
  readonly version: QemuVersion;
  /** Run state, such as `running` or `inmigrate`. */
  readonly status: string;
  /** State of the last migration, `none` before the first. */
  readonly migration: string;
  /** Why a device or a setting forbids a migration, in QEMU's words. */
  readonly blockers: readonly string[];
  /** Names of the migration capabilities that are on. */
  readonly capabilities: readonly string[];
}

/** @throws XiaError `qmp-error`, `timeout` */
export async function machineFacts(qmp: QmpClient): Promise<MachineFacts> {
  const ask = async <const S extends v.GenericSchema>(schema: S, command: string, args: Record<string, unknown> = {}) =>
    v.parse(schema, await qmp.execute(command, args));
  const memory = await ask(memorySchema, 'query-memory-size-summary');
  const processors = await ask(processorsSchema, 'query-cpus-fast');
  const first = processors[0]?.['qom-path'];
  const migration = await ask(migrationSchema, 'query-migrate');
  return {
    machine: await ask(v.string(), 'qom-get', { path: '/machine', property: 'type' }),
    memoryBytes: memory['base-memory'] + memory['plugged-memory'],
    processors: processors.length,
    cpuModel: first === undefined ? '' : await ask(v.string(), 'qom-get', { path: first, property: 'type' }),
    accelerator: (await ask(kvmSchema, 'query-kvm')).enabled ? 'kvm' : 'tcg',
    version: qmp.version,
    status: (await queryRunState(qmp)).status,
    migration: migration.status,
    blockers: migration['blocked-reasons'],
    capabilities: (await ask(capabilitiesSchema, 'query-migrate-capabilities')).flatMap(({ capability, state }) =>
      state ? capability : [],
    ),
  };
}
