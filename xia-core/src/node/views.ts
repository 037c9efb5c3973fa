import type { Gauge } from '../bytes/index.js';
import { HELD_FACE } from '../forwarding/index.js';
import type { Face } from '../io/index.js';
import type { NodeStack } from '../stack/index.js';
import { principals, Xid } from '../xid/index.js';

/** The tables that a running node can show. */
export const nodeViews = [
  'routes',
  'neighbours',
  'lsdb',
  'faces',
  'cache',
  'bindings',
  'counters',
  'attachment',
  'streams',
  'bounds',
] as const;
export type NodeView = (typeof nodeViews)[number];

const SPECIAL_FACES: Readonly<Record<number, string>> = { [-2]: '(self)', [-4]: '(broadcast)', [HELD_FACE]: '(held)' };

/** A table as plain values, fit for `JSON.stringify`. */
export function nodeView(view: Exclude<NodeView, 'bounds'>, stack: NodeStack, faces: ReadonlyMap<number, Face>, now: number): unknown {
  switch (view) {
    case 'routes':
      return routes(stack);
    case 'faces':
      return [...faces].map(([id, face]) => {
        const { address, neighbours, details } = face.describe();
        return { id, name: face.name, role: face.role, mtu: face.mtu, address, ...face.counters, neighbours, details: details ?? {} };
      });
    case 'cache': {
      const { cache, store, assembler } = stack.content;
      return {
        budgetBytes: cache.budgetBytes,
        bytes: cache.bytes,
        chunks: cache.size,
        ...cache.counters,
        published: store.size,
        publishedBytes: store.bytes,
        partialChunks: assembler.size,
        partialChunksAtMost: assembler.maxChunks,
        partialBytes: assembler.bytes,
        partialBytesAtMost: assembler.maxBytes,
        partial: { ...assembler.counters },
      };
    }
    case 'bindings':
      return [...stack.mobility.bindings()].map((entry) => ({
        hid: entry.hid.toString(),
        state: entry.state,
        hop: entry.hop === undefined ? null : hopText(stack, entry.hop.face, entry.hop.neighbour),
        sequence: entry.sequence,
        expiresInMs: Number.isFinite(entry.expiresAt) ? Math.round(entry.expiresAt - now) : null,
      }));
    case 'counters':
      return stack.counters();
    case 'attachment': {
      const attachment = stack.mobility.attachment;
      return {
        state: stack.mobility.attachmentState ?? 'router',
        ad: stack.ad?.toString() ?? null,
        router: attachment?.router.toString() ?? null,
        accessPoint: attachment?.accessPoint.toString() ?? null,
        nameServer: attachment?.nameServer?.toString() ?? null,
        mtu: attachment?.mtu ?? null,
      };
    }
    case 'neighbours':
      return [...(stack.routing?.neighbours(now) ?? [])].map(({ hid, ad, hop, state, cost, lastHeardMs }) => ({
        hid: hid.toString(),
        ad: ad.toString(),
        hop: hopText(stack, hop.face, hop.neighbour),
        state,
        cost,
        heardMsAgo: Math.max(0, Math.round(now - lastHeardMs)),
      }));
    case 'lsdb':
      return [...(stack.routing?.lsdb(now) ?? [])].map(({ router, ad, fragment, sequence, ageMs, links, hosts }) => ({
        router: router.toString(),
        ad: ad.toString(),
        fragment,
        sequence,
        ageMs: Math.round(ageMs),
        hosts,
        links: links.map(({ hid, cost }) => ({ hid: hid.toString(), cost })),
      }));
    case 'streams':
      return [...stack.streams.connections()].map((connection) => ({
        id: connection.id,
        state: connection.state,
        local: connection.localDag.toString(),
        peer: connection.peerDag.toString(),
        ...connection.stats,
      }));
  }
}

/** The gauges of a node and of its faces, each of those with the name of its face in front. */
export function nodeGauges(stack: NodeStack, faces: ReadonlyMap<number, Face>): Gauge[] {
  const ofFaces = [...faces.values()].flatMap((face) =>
    (face.gauges?.() ?? []).map((gauge) => ({ ...gauge, name: `face ${face.name} ${gauge.name}` })),
  );
  return [...ofFaces, ...stack.gauges()];
}

function hopText(stack: NodeStack, face: number, neighbour: number): string {
  const name = SPECIAL_FACES[face] ?? stack.faces.get(face)?.name ?? `face ${face}`;
  return neighbour === 0 || face < 0 ? name : `${name}/${neighbour}`;
}

function routes(stack: NodeStack): object[] {
  const rows: object[] = [];
  for (const type of stack.engine.types()) {
    const table = stack.engine.table(type);
    const typeName = principals.name(type) ?? `0x${type.toString(16)}`;
    for (const { id, face, neighbour } of table.entries()) {
      const xid = new Xid(type, id);
      const known = face < 0 ? undefined : stack.rib.chosen(xid);
      rows.push({
        type: typeName,
        xid: xid.toString(),
        next: hopText(stack, face, neighbour),
        source: known?.source ?? null,
        cost: known?.source === 'link-state' ? known.cost : null,
      });
    }
    if (table.defaultFace !== -1) {
      const next = hopText(stack, table.defaultFace, table.defaultNeighbour);
      rows.push({ type: typeName, xid: '(default)', next, source: 'attachment', cost: null });
    }
  }
  return rows;
}
