/** A fenced block of code, with the headings above it. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** The nearest headings, the highest level first. */
  readonly headings: readonly string[];
}

/** The fenced blocks of a Markdown text, in order. */
export function codeBlocks(text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const headings: string[] = [];
  let open: { language: string; lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    const fence = /^```(\S*)/.exec(line);
    const heading = /^(#+) (.*)/.exec(line);
    if (fence !== null && open === undefined) {
      open = { language: fence[1] ?? '', lines: [] };
    } else if (fence !== null && open !== undefined) {
      blocks.push({ language: open.language, code: `${open.lines.join('\n')}\n`, headings: [...headings] });
      open = undefined;
    } else if (open !== undefined) {
      open.lines.push(line);
    } else if (heading !== null) {
      headings.length = (heading[1] ?? '').length - 1;
      headings.push(heading[2] ?? '');
    }
  }
  return blocks;
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '');
}

/** The code spans outside of fenced blocks. */
export function codeSpans(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
}

/** The targets of links and images that lead to files of the repository, without anchors. */
export function relativeLinks(text: string): string[] {
  const targets = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
  return targets.filter((target) => !/^[a-z]+:|^#/.test(target)).map((target) => target.replace(/#.*/, ''));
}

/** The first cells of the rows of every table. */
export function firstCells(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^\| ([^|\n]*) \|/gm)].map((match) => match[1]!.trim());
}
