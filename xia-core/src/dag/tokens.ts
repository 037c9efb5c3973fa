/** A word of a DAG text and where it begins, counted in characters from 0. */
export interface Token {
  readonly text: string;
  readonly position: number;
}

/** Where a text is wrong and why. */
export interface TextFault {
  readonly reason: string;
  readonly position: number;
}

/** The words of `text`; any white space separates them. */
export function tokenize(text: string): readonly Token[] {
  return Array.from(text.matchAll(/\S+/g), (match) => ({ text: match[0], position: match.index }));
}
