import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../e2e/programs.js';

const run = promisify(execFile);

/** What separates several values of one field, and fields: nothing that occurs in them. */
const VALUES = '|';
const FIELDS = '\t';

/** Runs tshark on a capture file with our dissector, and gives what it prints. */
export async function tshark(file: string, args: readonly string[], script = true): Promise<string> {
  const lua = script ? ['-X', `lua_script:${join(projectRoot, 'tools/wireshark/xia.lua')}`] : [];
  // A configuration of the user who runs the test must not decide its outcome.
  const env = { ...process.env, HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent', LC_ALL: 'C.UTF-8' };
  const { stdout, stderr } = await run('tshark', [...lua, '-r', file, ...args], { env, maxBuffer: 64 << 20 });
  if (/Lua|error/i.test(stderr)) throw new Error(stderr);
  return stdout;
}

/** The values of some fields, per packet of a file: every value in the order of the packet. */
export async function tsharkFields(
  file: string,
  fields: readonly string[],
  args: readonly string[] = [],
): Promise<Record<string, string[]>[]> {
  const wanted = fields.flatMap((field) => ['-e', field]);
  const options = ['-T', 'fields', '-E', `separator=${FIELDS}`, '-E', `aggregator=${VALUES}`, '-E', 'occurrence=a'];
  const output = await tshark(file, [...args, ...options, ...wanted]);
  const lines = output.split('\n').slice(0, -1);
  return lines.map((line) => {
    const cells = line.split(FIELDS);
    return Object.fromEntries(fields.map((field, index) => [field, (cells[index] ?? '').split(VALUES).filter((value) => value !== '')]));
  });
}
