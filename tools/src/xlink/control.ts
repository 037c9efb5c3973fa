import * as v from 'valibot';
import { XiaError, type ControlHandler } from 'xia-core';
import { changedLink, shapeText } from '../emulated-link/index.js';
import type { UdpLink } from './udp-link.js';

export const directions = ['both', 'a-to-b', 'b-to-a'] as const;
export type Direction = (typeof directions)[number];

const setSchema = v.strictObject({ text: v.string(), direction: v.optional(v.picklist(directions), 'both') });

/** What the control socket of a link answers. */
export function controlMethods(link: UdpLink): Readonly<Record<string, ControlHandler>> {
  const shown = () => ({ aToB: shapeText(link.link.there), bToA: shapeText(link.link.back) });
  return {
    show: async () => ({ link: shown(), ...(await link.report()) }),
    set: (params) => {
      const parsed = v.safeParse(setSchema, params);
      if (!parsed.success) throw new XiaError('bad-request', `set: ${v.summarize(parsed.issues)}`);
      const { text, direction } = parsed.output;
      link.reshape(changedLink(link.link, text, direction === 'both' ? undefined : [direction === 'a-to-b' ? 'there' : 'back']));
      return shown();
    },
    up: () => {
      link.isUp = true;
    },
    down: () => {
      link.isUp = false;
    },
  };
}
