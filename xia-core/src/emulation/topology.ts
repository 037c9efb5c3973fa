import type { LinkShape } from './link-shape.js';
import { isLinkPresetName, linkPresets, type LinkPresetName } from './presets.js';
import { shapeProperties } from './shape-text.js';

export interface TopologyNode {
  readonly name: string;
  readonly role: 'router' | 'host';
  /** Name of the administrative domain; of a host, where it attaches: that of the first router that it has a link to. */
  readonly ad: string;
}

export interface TopologyLink {
  readonly ends: readonly [string, string];
  /** What its shapes began with. */
  readonly preset?: LinkPresetName;
  /** From the first end to the second. */
  readonly there: LinkShape;
  readonly back: LinkShape;
}

/** Nodes and the links between them, at most one between any two. */
export interface Topology {
  readonly nodes: readonly TopologyNode[];
  readonly links: readonly TopologyLink[];
}

/** What a link is before anything is said of it. */
export const PLAIN_SHAPE: LinkShape = { delayMs: 0 };

/** Both directions of a link as it begins. */
export function baseShapes(preset: string | undefined): { readonly there: LinkShape; readonly back: LinkShape } {
  return preset !== undefined && isLinkPresetName(preset) ? linkPresets[preset] : { there: PLAIN_SHAPE, back: PLAIN_SHAPE };
}

/** A topology as text that `parseTopology` reads. */
export function printTopology({ nodes, links }: Topology): string {
  const lines = nodes.map(({ name, role, ad }) => (role === 'router' ? `router ${name} ${ad}` : `host ${name}`));
  for (const { ends, preset, there, back } of links) {
    const [a, b] = ends;
    const base = baseShapes(preset);
    const [onWay, onReturn] = [shapeProperties(there, base.there), shapeProperties(back, base.back)];
    const common = onWay.filter((property) => onReturn.includes(property));
    lines.push(['link', a, b, ...(preset === undefined ? [] : [preset]), ...common].join(' '));
    for (const [from, to, own] of [
      [a, b, onWay],
      [b, a, onReturn],
    ] as const) {
      const rest = own.filter((property) => !common.includes(property));
      if (rest.length > 0) lines.push(`  ${from} -> ${to} ${rest.join(' ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
