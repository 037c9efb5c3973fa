import { Readable } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../../tools/src/xdag/main.js';
import { clickVectors } from '../../data/vectors.js';

class Exit extends Error {}

/** Runs the program inside this process. */
async function run(args: string[], input = ''): Promise<{ code: number | undefined; out: string; err: string }> {
  const result = { code: undefined as number | undefined, out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((result.out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((result.err += String(text)), true));
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([input]) as unknown as typeof process.stdin);
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    result.code ??= Number(code);
    throw new Exit();
  });
  await main(['node', 'xdag', ...args]).catch((error: unknown) => {
    if (!(error instanceof Exit)) throw error;
  });
  vi.restoreAllMocks();
  return result;
}

afterEach(() => vi.restoreAllMocks());

const valid = clickVectors.filter((vector) => vector.outcome === 'valid' && !/ HID:1$| AD:BADDAG$/.test(vector.text));

describe('xdag', () => {
  test('prints both forms and the wire nodes', async () => {
    const { text, nodes, dag, canonical } = valid[4]!;
    expect(text).toMatch(/^DAG /);
    const { code, out, err } = await run([text]);
    expect([code, err]).toEqual([0, '']);
    expect(out).toBe([canonical, dag, ...nodes.map((node) => `  ${node}`), ''].join('\n'));
  });

  test('takes an address in several words', async () => {
    const { code, out } = await run(valid[0]!.text.split(' '));
    expect([code, out.split('\n')[0]]).toEqual([0, valid[0]!.canonical]);
  });

  test('says where the RE form is missing', async () => {
    const { text, dag } = valid.find((vector) => vector.canonical.startsWith('DAG'))!;
    expect((await run([text])).out).toContain(`(no RE form)\n${dag}\n`);
    expect(JSON.parse((await run(['--json', text])).out)).toMatchObject({ re: null, dag });
  });

  test('reads a line each from standard input, in JSON', async () => {
    const input = valid.map(({ text }) => `${text}\n`).join('\n');
    const { code, out } = await run(['--json', '-'], input);
    expect(code).toBe(0);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(
      valid.map(({ nodes, dag, canonical }) => ({
        re: canonical.startsWith('RE') ? canonical : null,
        dag,
        wire: nodes.join(''),
      })),
    );
  });

  test('goes on after a refused line, and then exits with 1', async () => {
    const { code, out } = await run(['--json', '-'], `RE HID:12\n${valid[0]!.text}`);
    const [refused, accepted] = out.split('\n');
    expect(code).toBe(1);
    expect(JSON.parse(refused!)).toEqual({
      error: { code: 'bad-dag', position: 3, reason: 'an id has 40 hexadecimal digits, not 2' },
      text: 'RE HID:12',
    });
    expect(JSON.parse(accepted!)).toHaveProperty('wire');
  });

  test('shows where an address is wrong', async () => {
    const { code, out, err } = await run(['RE HID:12']);
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe('bad DAG at character 3: an id has 40 hexadecimal digits, not 2\n  RE HID:12\n     ^\n');
  });

  test('exits with 2 on wrong usage, with 0 on --help, which has an example', async () => {
    expect((await run([])).code).toBe(2);
    expect((await run(['--nonsense'])).code).toBe(2);
    const help = await run(['--help']);
    expect([help.code, help.out]).toEqual([0, expect.stringContaining('$ xdag ')]);
  });
});
