type Row = Record<string, unknown>;

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'object') return JSON.stringify(value);
  return `${value as string | number | boolean}`;
}

/** Rows of equal shape as an aligned text table; a single object as one `key value` line per key. */
export function viewTable(view: unknown): string {
  const rows: Row[] = Array.isArray(view) ? (view as Row[]) : Object.entries((view ?? {}) as Row).map(([name, value]) => ({ name, value }));
  const [first] = rows;
  if (first === undefined) return '(empty)';
  const columns = Object.keys(first);
  const lines = [columns.map((column) => column.toUpperCase()), ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
