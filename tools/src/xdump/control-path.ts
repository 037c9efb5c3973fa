import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { loadYaml, XiaError } from 'xia-core';

/** All that matters here of a daemon's configuration. */
const configSchema = v.looseObject({ control: v.optional(v.string()) });

/**
 * The control socket of a daemon, given itself or by the daemon's configuration.
 * @throws XiaError `usage` without either, `bad-config`
 */
export async function controlPath(options: { readonly control?: string; readonly config?: string }): Promise<string> {
  if (options.control !== undefined) return options.control;
  if (options.config === undefined) throw new XiaError('usage', 'which daemon? Give --control SOCKET or --config FILE');
  const { control } = await loadYaml(options.config, configSchema);
  if (control === undefined) throw new XiaError('usage', `${options.config} names no control socket`);
  return resolve(dirname(options.config), control);
}
