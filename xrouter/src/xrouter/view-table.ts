import type { NodeView } from 'xia-core';

type Row = Readonly<Record<string, unknown>>;

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'object') return JSON.stringify(value);
  return `${value as string | number | boolean}`;
}

/** What fits on a screen of a face; the rest is for `--json`. */
function faceSummary(face: Row): Row {
  const dropped = Object.entries(face).flatMap(([key, count]) => (key.startsWith('dropped') && typeof count === 'number' ? [count] : []));
  return {
    name: face['name'],
    role: face['role'],
    mtu: face['mtu'],
    address: face['address'],
    'packets in': face['packetsIn'],
    'bytes in': face['bytesIn'],
    'packets out': face['packetsOut'],
    'bytes out': face['bytesOut'],
    dropped: dropped.reduce((sum, count) => sum + count, 0),
    neighbours: Array.isArray(face['neighbours']) ? face['neighbours'].length : 0,
  };
}

function neighbourSummary({ hid, ad, hop, state, cost, heardMsAgo }: Row): Row {
  return { hid, ad, hop, state, cost, 'heard ms ago': heardMsAgo };
}

/** The routers that an announcement says it has links to, by the beginning of their HID. */
function announcementSummary(announcement: Row): Row {
  const { router, ad, fragment, sequence, ageMs, hosts } = announcement;
  const links = (announcement['links'] ?? []) as readonly { readonly hid: string; readonly cost: number }[];
  return {
    router,
    ad,
    fragment,
    sequence,
    'age ms': ageMs,
    hosts,
    links: links.map(({ hid, cost }) => `${hid.slice(0, 'HID:'.length + 8)}…=${cost}`).join(' ') || '-',
  };
}

function boundSummary({ name, unit, used, highWater, bound, refused }: Row): Row {
  return { name, unit, used, 'high water': highWater, bound, refused };
}

/** What is printed of a row, where that is not all of it. */
const summaries: Readonly<Partial<Record<NodeView, (row: Row) => Row>>> = {
  faces: faceSummary,
  neighbours: neighbourSummary,
  lsdb: announcementSummary,
  bounds: boundSummary,
};

/** A view as an aligned text table: rows of equal shape, or a single object as one `key value` line per key. */
export function viewTable(what: NodeView, view: unknown): string {
  const all: Row[] = Array.isArray(view) ? (view as Row[]) : Object.entries((view ?? {}) as Row).map(([name, value]) => ({ name, value }));
  const summary = summaries[what];
  const rows = summary === undefined ? all : all.map(summary);
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
