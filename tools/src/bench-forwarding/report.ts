/** One measured value. Undefined where it could not be measured here. */
export interface Figure {
  readonly name: string;
  readonly value: number | undefined;
  readonly unit: string;
}

/** What a figure ought to reach. A figure that was not measured has not reached it. */
export interface Reach {
  readonly name: string;
  readonly value: number | undefined;
  /** As people read it: `>= 1`. */
  readonly wanted: string;
  readonly ok: boolean;
}

export interface Section {
  readonly name: string;
  readonly figures: readonly Figure[];
  readonly reaches: readonly Reach[];
  /** Why something was not measured, or how to read the figures. */
  readonly notes: readonly string[];
}

export interface Report {
  readonly sections: readonly Section[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
}

export function figure(name: string, value: number | undefined, unit: string): Figure {
  return { name, value: value === undefined ? undefined : Number(value.toPrecision(4)), unit };
}

export function atLeast(name: string, value: number | undefined, bound: number): Reach {
  return { name, value, wanted: `>= ${bound}`, ok: value !== undefined && value >= bound };
}

export function atMost(name: string, value: number | undefined, bound: number): Reach {
  return { name, value, wanted: `<= ${bound}`, ok: value !== undefined && value <= bound };
}

/** Everything that was missed. */
export function missed(report: Report): Reach[] {
  return report.sections.flatMap(({ reaches }) => reaches.filter(({ ok }) => !ok));
}

function text(value: number | undefined): string {
  return value === undefined ? '-' : String(Number(value.toPrecision(4)));
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) => `  ${row.map((cell, n) => (n === 1 ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0))).join('  ')}`.trimEnd())
    .join('\n');
}

/** The whole report as tables. */
export function reportText(report: Report): string {
  const parts = report.sections.map(({ name, figures, reaches, notes }) => {
    const rows = figures.map((one) => [one.name, text(one.value), one.unit]);
    const wanted = reaches.map((reach) => [reach.name, text(reach.value), `${reach.wanted}  ${reach.ok ? 'reached' : 'MISSED'}`]);
    const tables = [rows, wanted].filter((table) => table.length > 0).map(columns);
    return [`\n${name}`, ...tables, ...notes.map((note) => `  (${note})`)].join('\n');
  });
  return parts.join('\n');
}
