import { describe, expect, it } from 'vitest';
import { importCycles } from './import-graph.js';
import { IMPORTABLE, SANS_IO_FOLDERS, packageOf, respectsLayers, respectsPackages } from './layers.js';
import { SourceFile, repositoryFiles, type SyntaxNode } from './source-files.js';

const MOST_LINES = 500;

const paths = repositoryFiles();
const code = paths.filter((path) => /\.(ts|mjs|js)$/.test(path)).map((path) => new SourceFile(path));
const sources = code.filter(({ path }) => packageOf(path) in IMPORTABLE && path.includes('/src/'));
const tests = code.filter(({ path }) => path.startsWith('test/'));
const sansIo = sources.filter(({ path }) => SANS_IO_FOLDERS.some((folder) => path.startsWith(folder)));

/** `path:line what` for every node the rule has something to say about. */
function findings(files: readonly SourceFile[], rule: (node: SyntaxNode) => string | undefined): string[] {
  return files.flatMap((file) =>
    [...file.nodes()].flatMap((node) => {
      const finding = rule(node);
      return finding === undefined ? [] : [`${file.path}:${file.lineAt(node.start)} ${finding}`];
    }),
  );
}

/** `path:line text` for every place the pattern occurs in. */
function occurrences(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap((file) => [...file.text.matchAll(pattern)].map((match) => `${file.path}:${file.lineAt(match.index)} ${match[0]}`));
}

function nameOf(node: unknown): string | undefined {
  return (node as SyntaxNode | null)?.['type'] === 'Identifier' ? ((node as SyntaxNode)['name'] as string) : undefined;
}

describe('imports', () => {
  it.each([
    ['follow the layers of xia-core', respectsLayers],
    ['reach another package only by its index, and applications never each other', respectsPackages],
  ])('%s', (_, respects) => {
    const against = sources.flatMap((file) =>
      file.references.filter((reference) => !respects(file, reference)).map(({ specifier, line }) => `${file.path}:${line} ${specifier}`),
    );
    expect(against).toEqual([]);
  });

  it('make no cycles', () => {
    expect(importCycles(code)).toEqual([]);
  });

  // A third of the start of a program that opens no secure stream.
  it('load the ASN.1 library when a certificate is written, and not with everything else', () => {
    const users = sources.filter(({ references }) => references.some(({ specifier }) => specifier.startsWith('@peculiar/')));
    expect(users.map(({ path }) => path)).toEqual(['xia-core/src/node/certificate.ts']);
    expect(occurrences(sources, /(?:from|import) '\.\/certificate\.js'/g)).toEqual([]);
    expect(occurrences(sources, /import\('\.\/certificate\.js'\)/g)).toHaveLength(1);
  });
});

describe('below the io layer', () => {
  const OUTSIDE = new Set([
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'Date',
    'performance',
    'Promise',
    'process',
    'console',
    'fetch',
    'Buffer',
    'Worker',
  ]);

  it('has files', () => {
    expect(sansIo.length).toBeGreaterThan(100);
  });

  it("imports nothing of Node's own", () => {
    const imports = sansIo.flatMap(({ path, references }) => references.map(({ specifier, line }) => `${path}:${line} ${specifier}`));
    expect(imports.filter((line) => line.includes(' node:'))).toEqual([]);
  });

  it('knows no clock, timer, promise or chance', () => {
    const rule = (node: SyntaxNode) => {
      if (node['async'] === true || node.type === 'AwaitExpression') return 'async';
      const [object, property] = [nameOf(node['object']), nameOf(node['property'])];
      if (object === 'Math' && property === 'random') return 'Math.random';
      if (object === 'crypto' && /^(subtle|random|getRandom)/.test(property ?? '')) return `crypto.${property}`;
      // A name that is looked up in the global object, as a value or as a type.
      const used = [node['callee'], node['object'], node['typeName'], node['argument'], node['right'], node['init']].map(nameOf);
      return used.find((name) => name !== undefined && OUTSIDE.has(name));
    };
    expect(findings(sansIo, rule)).toEqual([]);
  });
});

describe('style', () => {
  it('names files in kebab-case, and none after what has no name', () => {
    const odd = code.filter(
      ({ name }) =>
        !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|e2e\.test|config))?\.(ts|mjs|js)$/.test(name) || /^(utils?|helpers?|misc)\./.test(name),
    );
    expect(odd.map(({ path }) => path)).toEqual([]);
  });

  it('has no default export, enum or namespace', () => {
    const kinds = new Set(['ExportDefaultDeclaration', 'TSEnumDeclaration', 'TSModuleDeclaration']);
    const files = code.filter(({ name }) => name !== 'vitest.config.ts');
    expect(findings(files, (node) => (kinds.has(node.type) ? node.type : undefined))).toEqual([]);
  });

  it(`has no file of more than ${MOST_LINES} lines`, () => {
    const long = code.filter(({ path, lineCount }) => !path.startsWith('test/') && lineCount > MOST_LINES);
    expect(long.map(({ path, lineCount }) => `${path} ${lineCount}`)).toEqual([]);
  });

  it('gives a reason with every suppression', () => {
    expect(occurrences(code, /(oxlint|eslint)-disable(?!.* -- )[^\n]*|@ts-(ignore|nocheck|expect-error)$/gm)).toEqual([]);
  });
});

describe('the repository', () => {
  it('leaves no test out', () => {
    const runners = new Set(['it', 'test', 'describe', 'suite']);
    const evasions = new Set(['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails']);
    const root = (node: unknown): string | undefined => {
      const { type, object, callee } = node as SyntaxNode;
      return type === 'MemberExpression' ? root(object) : type === 'CallExpression' ? root(callee) : nameOf(node);
    };
    const rule = (node: SyntaxNode) => {
      if (node.type !== 'MemberExpression') return undefined;
      const property = nameOf(node['property']);
      return property !== undefined && evasions.has(property) && runners.has(root(node) ?? '') ? property : undefined;
    };
    expect(findings(tests, rule)).toEqual([]);
  });

  it('puts tests where their sources are', () => {
    const folders = new Set(sources.map(({ path }) => path.slice(0, path.lastIndexOf('/'))));
    const stray = tests
      .filter(({ path, name }) => name.endsWith('.test.ts') && packageOf(path.slice('test/'.length)) in IMPORTABLE)
      .map(({ path }) => path.slice('test/'.length, path.lastIndexOf('/')).replace('/', '/src/'))
      .filter((folder) => folder.includes('/') && !folders.has(folder));
    expect([...new Set(stray)]).toEqual([]);
  });

  it('names no folder of the machine it was written on', () => {
    const machine = new RegExp(['work', 'home', 'Users', 'tmp/plan'].map((folder) => `(?<![\\w.)}])/${folder}/`).join('|'), 'g');
    const texts = paths.filter((path) => !path.startsWith('test/data/')).map((path) => new SourceFile(path));
    expect(occurrences(texts, machine)).toEqual([]);
  });

  it('locks the packages of every platform, from no particular registry', () => {
    const lock = new SourceFile('package-lock.json');
    expect(occurrences([lock], /"resolved": "(https?|git)[^"]*"/g)).toEqual([]);
    const { packages } = JSON.parse(lock.text) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> };
    const optional = Object.values(packages).flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}));
    // `npm ci` refuses a lock file that lacks one of them, even one of another platform.
    expect(optional.filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
  });
});
