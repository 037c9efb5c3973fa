import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, type ParseResult } from 'oxc-parser';

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/** An import, or an export, from another module. */
export interface Reference {
  /** As written: `./xid.js`, `node:fs`, `valibot`. */
  readonly specifier: string;
  /** The repository's file it means; undefined for packages. */
  readonly file: string | undefined;
  /** True when nothing of it is left at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** A node of the syntax tree (ESTree, with TypeScript's nodes). */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly [property: string]: unknown;
}

/** One source file, parsed when a rule first asks for it. Paths are relative to the repository, with slashes. */
export class SourceFile {
  readonly path: string;
  readonly text: string;
  #parsed: ParseResult | undefined;
  #references: readonly Reference[] | undefined;

  constructor(path: string) {
    this.path = path;
    this.text = readFileSync(join(repositoryRoot, path), 'utf8');
  }

  get name(): string {
    return basename(this.path);
  }

  get lineCount(): number {
    return this.text.split('\n').length - 1;
  }

  get #result(): ParseResult {
    this.#parsed ??= parseSync(this.path, this.text);
    return this.#parsed;
  }

  lineAt(offset: number): number {
    return this.text.slice(0, offset).split('\n').length;
  }

  /** Every node of the syntax tree, parents first. */
  *nodes(): Generator<SyntaxNode> {
    const waiting: unknown[] = [this.#result.program];
    while (waiting.length > 0) {
      const next = waiting.pop();
      if (typeof next !== 'object' || next === null) continue;
      if ('type' in next && 'start' in next) yield next as SyntaxNode;
      waiting.push(...Object.values(next).toReversed());
    }
  }

  get references(): readonly Reference[] {
    this.#references ??= this.#readReferences();
    return this.#references;
  }

  #readReferences(): Reference[] {
    const references: Reference[] = [];
    const add = (specifier: string, typeOnly: boolean, offset: number) => {
      references.push({ specifier, file: this.#resolve(specifier), typeOnly, line: this.lineAt(offset) });
    };
    const { staticImports, staticExports, dynamicImports } = this.#result.module;
    for (const { moduleRequest, entries, start } of staticImports) {
      add(moduleRequest.value, entries.length > 0 && entries.every(({ isType }) => isType), start);
    }
    for (const { entries } of staticExports) {
      for (const { moduleRequest, isType, start } of entries) if (moduleRequest) add(moduleRequest.value, isType, start);
    }
    for (const { moduleRequest, start } of dynamicImports) {
      const literal = /^['"](.*)['"]$/.exec(this.text.slice(moduleRequest.start, moduleRequest.end));
      if (literal?.[1] !== undefined) add(literal[1], false, start);
    }
    return references;
  }

  #resolve(specifier: string): string | undefined {
    if (!specifier.startsWith('.')) return undefined;
    const written = resolve(join(repositoryRoot, dirname(this.path)), specifier);
    const source = written.replace(/\.js$/, '.ts');
    return relative(repositoryRoot, existsSync(source) ? source : written);
  }
}

/** The files git knows, or would add: nothing built, nothing downloaded. */
export function repositoryFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  });
  return listed
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(repositoryRoot, path)))
    .toSorted();
}
