import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { attachAddress, loadYaml, logLevels, PrincipalType, Xid, XiaError } from 'xia-core';

/** Where `run` serves its control socket and `list` looks for it, unless told otherwise. */
export const DEFAULT_CONTROL = 'xnameserver.ctl';
const MAX_RECORDS = 100_000_000;

const textField = v.pipe(v.string(), v.minLength(1));

const endpointField = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      attachAddress(dataset.value);
    } catch (error) {
      addIssue({ message: error instanceof Error ? error.message : 'not an ADDRESS:PORT or unix:PATH' });
    }
  }),
);

const adField = v.pipe(
  v.string(),
  v.rawTransform<string, Xid>(({ dataset, addIssue, NEVER }) => {
    const xid = Xid.tryParse(dataset.value);
    if (xid instanceof Xid && xid.type === PrincipalType.AD) return xid;
    addIssue({ message: 'not an AD (AD: and 40 hex digits)' });
    return NEVER;
  }),
);

/** The schema of `xnameserver run -c FILE`. */
export const configSchema = v.strictObject({
  name: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(64)), 'nameserver'),
  host: endpointField,
  key: v.optional(textField),
  trust: v.optional(v.array(adField)),
  data: textField,
  control: v.optional(textField, DEFAULT_CONTROL),
  attachTimeoutMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(600_000)), 10_000),
  limits: v.optional(
    v.strictObject({
      records: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_RECORDS)), 100_000),
      requestsPerSecond: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(1_000_000)), 100),
    }),
    {},
  ),
  log: v.optional(v.strictObject({ level: v.optional(v.picklist(logLevels), 'info'), file: v.optional(textField) }), {}),
});

/** The configuration of one name server, defaults filled in and paths made absolute. */
export interface NameServerConfig {
  readonly name: string;
  /** ADDRESS:PORT, or unix:PATH, of the XIA host to attach to. */
  readonly host: string;
  /** PEM file of the identity, made when it is missing. */
  readonly key: string;
  /** ADs that may be attached to; undefined: any. */
  readonly trust: readonly Xid[] | undefined;
  /** Folder of the records. */
  readonly data: string;
  /** Path of the control socket. */
  readonly control: string;
  readonly attachTimeoutMs: number;
  readonly limits: { readonly records: number; readonly requestsPerSecond: number };
  readonly log: { readonly level: (typeof logLevels)[number]; readonly file?: string | undefined };
}

/** What `run` takes from the command line; each goes before the file's. */
export interface ConfigOverrides {
  readonly host?: string | undefined;
  readonly key?: string | undefined;
  readonly trust?: readonly Xid[] | undefined;
  readonly data?: string | undefined;
  readonly control?: string | undefined;
  readonly attachTimeout?: number | undefined;
}

/**
 * The configuration of a file, with what the command line says in its place. Paths in the file are relative to its folder.
 * @throws XiaError `bad-config` with file, line and path
 */
export async function loadConfig(file: string, overrides: ConfigOverrides = {}): Promise<NameServerConfig> {
  const folder = dirname(resolve(file));
  const config = await loadYaml(file, configSchema);
  const absolute = (path: string) => resolve(folder, path);
  const inFile = {
    ...config,
    host: attachAddress(config.host, folder),
    data: absolute(config.data),
    control: absolute(config.control),
    ...(config.key === undefined ? {} : { key: absolute(config.key) }),
    log: { ...config.log, ...(config.log.file === undefined ? {} : { file: absolute(config.log.file) }) },
  };
  return withOverrides(inFile, overrides);
}

/**
 * A configuration from the command line alone.
 * @throws XiaError `usage` when it does not say where to attach or where to keep the records
 */
export function configFromOptions(overrides: ConfigOverrides): NameServerConfig {
  const { host, data } = overrides;
  if (host === undefined) throw new XiaError('usage', 'no XIA host to attach to: give --host ADDR:PORT (or unix:PATH), or -c FILE');
  if (data === undefined) throw new XiaError('usage', 'no place to keep the records: give --data DIR, or -c FILE');
  attachAddress(host);
  return withOverrides(v.parse(configSchema, { host, data }), overrides);
}

function withOverrides(config: v.InferOutput<typeof configSchema>, overrides: ConfigOverrides): NameServerConfig {
  const data = resolve(overrides.data ?? config.data);
  return {
    name: config.name,
    host: overrides.host ?? config.host,
    key: resolve(overrides.key ?? config.key ?? resolve(data, 'nameserver.key')),
    trust: overrides.trust ?? config.trust,
    data,
    control: resolve(overrides.control ?? config.control),
    attachTimeoutMs: overrides.attachTimeout ?? config.attachTimeoutMs,
    limits: config.limits,
    log: config.log,
  };
}
