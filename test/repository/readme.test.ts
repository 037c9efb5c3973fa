import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorCodes, ExitCode, PrincipalType, XiaNode } from 'xia-core';
import { demoChecks } from '../../tools/src/demo/checks.js';
import { resultRows } from '../../tools/src/report/html.js';
import { projectRoot } from '../e2e/programs.js';
import { commandLines, optionsOf, type CommandLine } from './command-lines.js';
import { codeBlocks, codeSpans, firstCells, relativeLinks } from './markdown.js';
import { repositoryFiles } from './source-files.js';

const run = promisify(execFile);
const at = (path: string) => join(projectRoot, path);
const read = (path: string) => readFileSync(at(path), 'utf8');

const files = repositoryFiles();
const pages = files.filter((path) => path === 'README.md' || /^docs\/.*\.md$/.test(path));
const readme = read('README.md');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

describe('the pages', () => {
  it.each(pages)('%s leads to files that exist', (page) => {
    const missing = relativeLinks(read(page)).filter((target) => !existsSync(at(join(dirname(page), target))));
    expect(missing).toEqual([]);
  });

  it('are all in the index of docs', () => {
    const listed = new Set(relativeLinks(read('docs/README.md')).map((target) => join('docs', target)));
    expect(pages.filter((page) => page !== 'docs/README.md' && !listed.has(page))).toEqual([]);
  });

  it.each(['docs/architecture.md', 'docs/prototype-calls.md'])('%s names files that exist', (page) => {
    const named = codeSpans(read(page)).filter((span) => /^[\w./-]+\.(ts|mjs|yaml|svg)$/.test(span));
    expect(named.filter((name) => !files.some((path) => path === name || path.endsWith(`/${name}`)))).toEqual([]);
  });

  it.each(['docs/architecture.md', 'docs/glossary.md', 'docs/prototype-calls.md'])('%s names what the code has', (page) => {
    const sources = files
      .filter((path) => /^(xia-core|migrate|test\/simulation)\/.*\.ts$/.test(path))
      .map(read)
      .join('\n');
    // The prototype's own words stand in the first column of its table.
    const text = page.endsWith('prototype-calls.md') ? read(page).replaceAll(/^\| [^|\n]*\|/gm, '|') : read(page);
    const identifiers = codeSpans(text).flatMap((span) => /^(?=.*[a-z])(?:[A-Z]\w+|[a-z]+[A-Z]\w*)$/.exec(span)?.[0] ?? []);
    expect(identifiers.length).toBeGreaterThan(5);
    expect(identifiers.filter((name) => !new RegExp(`\\b${name}\\b`).test(sources))).toEqual([]);
  });

  it('name methods that a node has', () => {
    const named = pages.flatMap((page) => [...read(page).matchAll(/(?<![\w-])node\.([a-z]\w*)/g)].map((match) => match[1]!));
    expect(named.length).toBeGreaterThan(20);
    expect([...new Set(named)].filter((name) => !(name in XiaNode.prototype))).toEqual([]);
  });

  it('name error codes that there are', () => {
    const named = ['limit-reached', 'fetch-failed'].filter((code) => read('docs/prototype-calls.md').includes(`\`${code}\``));
    for (const code of named) expect(errorCodes).toHaveProperty(code);
    for (const type of Object.keys(PrincipalType)) expect(read('docs/glossary.md')).toContain(`\`${type}\``);
  });
});

describe('README.md', () => {
  it('has the exit codes that there are', () => {
    const listed = firstCells(readme).filter((cell) => /^\d+$/.test(cell));
    expect(listed.map(Number)).toEqual(Object.values(ExitCode));
  });

  it("explains every line of the demo's table, and every check", () => {
    const cells = firstCells(readme).map((cell) => cell.replaceAll('`', ''));
    const moves = [{ from: 'HOST_A', to: 'HOST_B', bytes: 0, totalTimeMs: 0, qemuDowntimeMs: 0 }];
    const rows = resultRows({
      scenario: '',
      startedAt: '',
      bytes: 0,
      chunks: 0,
      totalTimeMs: 1,
      qemuDowntimeMs: 0,
      xping: { intervalMs: 10, sent: 0, lost: 0, downtimeMs: 0, deviationMs: 10 },
      stream: { answers: 0, wrong: 0, reconnects: 0 },
      dgram: { sent: 0, answered: 0, downtimeMs: 0 },
      oldDag: { sent: 0, answered: 0 },
      phases: [],
      peakRssMb: {},
      checks: [],
      versions: {},
      moves,
    });
    expect(cells).toEqual(expect.arrayContaining(rows.map(([name]) => name)));
    const counter = { startId: '', ticks: 0, answers: 0, dag: '' };
    const checks = demoChecks({
      expectedHost: 'HOST_B',
      expectedAd: { name: 'AD2', xid: '' },
      runsAt: [],
      counterBefore: counter,
      counterAfter: undefined,
      ask: { questions: 0, answers: 0, wrong: 0, missing: 0, resets: 0, reconnects: 0, longestGapMs: 0 },
      resolved: undefined,
      oldDag: { address: '', sent: 0, answered: 0 },
      left: [
        { node: 'HOST_A', stale: undefined },
        { node: 'R1', stale: undefined },
      ],
      moves: [],
    });
    expect(cells).toEqual(expect.arrayContaining(checks.map(({ name }) => name)));
  });

  it('names npm scripts that there are', () => {
    const named = pages.flatMap((page) => [...read(page).matchAll(/npm run (?:--silent )?([\w:]+)/g)].map((match) => match[1]!));
    expect(named).toContain('demo');
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('TypeScript in the pages', () => {
  const blocks = ['README.md', 'docs/prototype-calls.md'].flatMap((page) =>
    codeBlocks(read(page))
      .filter(({ language }) => language === 'ts')
      .map(({ code, headings }) => ({ name: `${page}, ${headings.at(-1) ?? ''}`, code })),
  );

  // One run of the compiler for all of them: each is a module of its own.
  it('compiles', { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'xia-readme-'));
    try {
      const sources = blocks.map(({ name, code }, index) => [`example-${index}.mts`, `// ${name}\n${code}\nexport {};\n`] as const);
      for (const [file, text] of sources) writeFileSync(join(folder, file), text);
      const compilerOptions = {
        composite: false,
        noEmit: true,
        typeRoots: [at('node_modules/@types')],
        paths: { 'xia-core': [at('xia-core/src/index.ts')] },
      };
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ extends: at('tsconfig.base.json'), compilerOptions, files: sources.map(([file]) => file) }),
      );
      const compiled = run(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', folder]);
      const said = await compiled.then(
        () => '',
        ({ stdout }: { stdout: string }) => stdout,
      );
      const named = blocks.map(({ name }, index) => `example-${index}: ${name}`).join('\n');
      expect(said, named).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is there', () => {
    expect(blocks.map(({ name }) => name)).toContain('README.md, The API');
  });
});

describe('commands in the pages', () => {
  const programs = [
    'xcal',
    'xcat',
    'xchunk',
    'xdag',
    'xdump',
    'xlink',
    'xmigrate',
    'xnameserver',
    'xping',
    'xrouter',
    'xtestbed',
    'xtraceroute',
  ];
  const targets = new Set(['demo', 'bench']);
  const packages: Readonly<Record<string, string>> = { xmigrate: 'migrate', xnameserver: 'xnameserver', xrouter: 'xrouter' };
  const helps = new Map<string, string>();

  function help(words: CommandLine): string {
    const known = helps.get(words.join(' '));
    if (known !== undefined) return known;
    const [program = ''] = words;
    if (targets.has(program)) {
      helps.set(program, execFileSync(process.execPath, [at('tools/bootstrap.mjs'), program, '--help'], { encoding: 'utf8' }));
    } else {
      const file = at(`${packages[program] ?? 'tools'}/dist/${program}/main.js`);
      const told = execFileSync(process.execPath, [at('test/repository/helps.mjs'), file, program], { encoding: 'utf8' });
      for (const [asked, text] of Object.entries(JSON.parse(told) as Record<string, string>)) helps.set(asked, text);
    }
    return helps.get(words.join(' ')) ?? '';
  }

  /** The subcommands of a program. */
  function subcommands(program: string): string[] {
    help([program]);
    return [...helps.keys()].flatMap((asked) => (asked.startsWith(`${program} `) ? [asked.slice(program.length + 1)] : []));
  }

  /** What is wrong with a command line, as far as its program's help tells. */
  function faults(line: CommandLine): string[] {
    const [program = '', word] = line;
    const known = subcommands(program);
    const isSubcommand = word !== undefined && known.includes(word);
    if (known.length > 0 && word !== undefined && !isSubcommand && /^[a-z][a-z-]*$/.test(word)) return [`${line.join(' ')}: no "${word}"`];
    const text = help(isSubcommand ? [program, word] : [program]);
    return optionsOf(line)
      .filter((option) => !new RegExp(`(^|[\\s,])${option}([\\s,]|$)`, 'm').test(text))
      .map((option) => `${line.join(' ')}: no ${option}`);
  }

  beforeAll(async () => {
    const bootstrap = (await import(pathToFileURL(at('tools/bootstrap.mjs')).href)) as {
      ensureBuilt: (options: { quiet: boolean }) => void;
    };
    bootstrap.ensureBuilt({ quiet: true });
  });

  it.each(programs)(
    '%s shows an example in its help, and in that of every subcommand',
    (program) => {
      const lines = [[program], ...subcommands(program).map((word) => [program, word])];
      expect(lines.filter((line) => !/Example[^\n]*:\n/.test(help(line)))).toEqual([]);
    },
    120_000,
  );

  it.each(['README.md', 'docs/emulated-links.md', 'docs/performance.md', 'docs/prototype-calls.md'])(
    '%s: every subcommand and option is in the help',
    (page) => {
      const text = read(page);
      const pieces = [
        ...codeBlocks(text)
          .filter(({ language }) => language === 'sh' || language === 'json')
          .map(({ code }) => code),
        ...codeSpans(text),
      ];
      const ours = pieces.flatMap((piece) => commandLines(piece, programs));
      const ran = pieces.flatMap((piece) =>
        [...piece.matchAll(/npm run (?:--silent )?(demo|bench)(?: -- ([^\n#>]*))?/g)].map((match) => [
          match[1]!,
          ...(match[2] ?? '').split(/\s+/),
        ]),
      );
      expect(ours.length + ran.length).toBeGreaterThan(5);
      expect([...ours, ...ran].flatMap(faults)).toEqual([]);
    },
    120_000,
  );
});
