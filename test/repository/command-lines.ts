/** A command line, as words. */
export type CommandLine = readonly string[];

/** Takes out what matches, innermost first, and gives what stood in it to `found`. */
function takeOut(code: string, pattern: RegExp, found: (inner: string) => void): string {
  let rest = code;
  for (let match = pattern.exec(rest); match !== null; match = pattern.exec(rest)) {
    found(match[1] ?? '');
    rest = `${rest.slice(0, match.index)}QUOTED${rest.slice(match.index + match[0].length)}`;
  }
  return rest;
}

/**
 * The command lines of some programs in a piece of shell code, wherever they stand: after a pipe, in a loop, in `$(...)`, in quotes,
 * or behind the `--` of another one.
 */
export function commandLines(code: string, programs: readonly string[]): CommandLine[] {
  const names = new Set(programs);
  const pieces = [code];
  const lines: CommandLine[] = [];
  for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop()) {
    const inner = (text: string) => void pieces.push(text);
    let plain = piece.replaceAll('\\\n', ' ').replaceAll(/(^|\s)#.*/g, '$1');
    plain = takeOut(plain, /\$\(([^()]*)\)/, inner);
    plain = takeOut(plain, /'([^']*)'/, inner);
    plain = takeOut(plain, /"([^"]*)"/, inner);
    for (const segment of plain.split(/[\n|;&<>]/)) {
      const words = segment.split(/\s+/).filter((word) => word !== '');
      const start = words.findIndex((word) => names.has(word));
      if (start < 0) continue;
      const dashes = words.indexOf('--', start);
      // What follows "--" is the next program's, or text.
      lines.push(words.slice(start, dashes < 0 ? undefined : dashes));
      if (dashes >= 0) pieces.push(words.slice(dashes + 1).join(' '));
    }
  }
  return lines;
}

/** The options among the words of a command line, without their values. */
export function optionsOf(line: CommandLine): string[] {
  return line.filter((word) => /^--?[a-zA-Z]/.test(word)).map((word) => word.replace(/=.*/, ''));
}
