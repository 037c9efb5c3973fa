import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { loadYaml, parseYaml } from '../../../xia-core/src/app/config-file.js';
import { XiaError } from '../../../xia-core/src/bytes/index.js';

const schema = v.strictObject({
  name: v.string(),
  faces: v.array(v.strictObject({ name: v.string(), mtu: v.optional(v.pipe(v.number(), v.minValue(576)), 1400) })),
});

async function faults(text: string): Promise<string[]> {
  try {
    await parseYaml(text, 'r1.yaml', schema);
  } catch (error) {
    expect(error).toBeInstanceOf(XiaError);
    expect((error as XiaError).code).toBe('bad-config');
    return (error as XiaError).message.split('\n');
  }
  return [];
}

describe('parseYaml', () => {
  it('gives the checked value with defaults', async () => {
    expect(await parseYaml('name: R1\nfaces:\n  - name: a\n', 'r1.yaml', schema)).toEqual({
      name: 'R1',
      faces: [{ name: 'a', mtu: 1400 }],
    });
  });

  it('says file, line, column and path', async () => {
    expect(await faults('name: R1\nfaces:\n  - name: a\n    mtu: 7\n')).toEqual([
      expect.stringMatching(/^r1\.yaml:4:10: faces\[0\]\.mtu: .*576/),
    ]);
  });

  it('points at the unknown key itself', async () => {
    expect(await faults('name: R1\nfaces: []\ncolour: red\n')).toEqual(['r1.yaml:3:1: colour: unknown key']);
  });

  it('points at the map that lacks a key', async () => {
    expect(await faults('name: R1\nfaces:\n  - mtu: 1400\n')).toEqual(['r1.yaml:3:5: faces[0].name: missing']);
  });

  it('refuses duplicate keys and broken syntax with their place', async () => {
    expect((await faults('name: a\nname: b\nfaces: []\n'))[0]).toMatch(/^r1\.yaml:2:1: .*unique/i);
    expect((await faults('name: [a\nfaces: []\n'))[0]).toMatch(/^r1\.yaml:\d+:\d+: /);
  });

  it('refuses an empty file', async () => {
    expect((await faults(''))[0]).toMatch(/^r1\.yaml:1:1: /);
  });

  it('names at most ten faults', async () => {
    const many = Array.from({ length: 30 }, (_, index) => `  - name: ${index}`).join('\n');
    expect(await faults(`name: a\nfaces:\n${many}\n`)).toHaveLength(11);
  });

  it('survives an alias bomb', async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]\n`;
    expect((await faults(bomb))[0]).toMatch(/^r1\.yaml:/);
  });
});

describe('loadYaml', () => {
  it('says which file cannot be read', async () => {
    await expect(loadYaml('/nonexistent/x.yaml', schema)).rejects.toMatchObject({
      code: 'bad-config',
      message: /x\.yaml: cannot be read \(ENOENT\)/,
    });
  });
});
