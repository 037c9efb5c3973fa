/** A text at a place on a line, on the first row where it does not touch an earlier one. */
export interface PlacedLabel {
  readonly text: string;
  readonly x: number;
  readonly row: number;
  /** `end` when the text would leave the picture on the right. */
  readonly anchor: 'start' | 'end';
}

/** An average letter of the picture's 11-pixel type. */
const LETTER_PIXELS = 6.3;
const GAP_PIXELS = 10;

/** Puts labels at their places into as few rows as it takes that none overlap, in order of their places. */
export function placeLabels(labels: readonly { readonly text: string; readonly x: number }[], width: number): PlacedLabel[] {
  const taken: { from: number; to: number }[][] = [];
  return labels
    .toSorted((a, b) => a.x - b.x)
    .map(({ text, x }) => {
      const pixels = text.length * LETTER_PIXELS;
      const anchor = x + pixels > width ? 'end' : 'start';
      const from = anchor === 'end' ? x - pixels : x;
      const to = from + pixels + GAP_PIXELS;
      let row = taken.findIndex((spans) => spans.every((span) => to <= span.from || from >= span.to));
      if (row < 0) row = taken.push([]) - 1;
      taken[row]?.push({ from, to });
      return { text, x, row, anchor };
    });
}
