import { readFile, writeFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import type { Testbed } from '../xtestbed/index.js';

/** Switches holding on or off at every router and host of a testbed, while they run. @throws XiaError as `xrouter reload` */
export async function setHolding(testbed: Testbed, enabled: boolean): Promise<void> {
  for (const { name, kind, configFile } of testbed.state.nodes) {
    if (kind !== 'router' && kind !== 'host') continue;
    const config = parse(await readFile(configFile, 'utf8')) as Record<string, unknown>;
    await writeFile(configFile, stringify({ ...config, holding: { enabled } }, { lineWidth: 0 }));
    await testbed.control(name, 'reload');
  }
}
