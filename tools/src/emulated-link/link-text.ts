import { isLinkPresetName, linkPresets, parseShape, shapeKeys, XiaError, type LinkShape } from 'xia-core';

/** Both directions of a link; `there` is from the end that is named first. */
export interface LinkShapes {
  readonly there: LinkShape;
  readonly back: LinkShape;
}

/** A link that does nothing to packets. */
export const PLAIN_LINK: LinkShapes = { there: { delayMs: 0 }, back: { delayMs: 0 } };

/**
 * A link with other properties, as text says: the name of a preset, which begins anew, properties such as `loss=1%`, or a preset
 * and what is different.
 * @param directions which of them the properties are for; a preset is for both
 * @throws XiaError `usage`
 */
export function changedLink(link: LinkShapes, text: string, directions: readonly (keyof LinkShapes)[] = ['there', 'back']): LinkShapes {
  const [first = '', ...rest] = text.trim().split(/\s+/);
  const base: LinkShapes = isLinkPresetName(first) ? linkPresets[first] : link;
  const properties = isLinkPresetName(first) ? rest.join(' ') : text;
  if (first !== '' && !first.includes('=') && base === link) {
    throw new XiaError('usage', `no link is called "${first}"; there are ${Object.keys(linkPresets).join(', ')}`);
  }
  const changed = (direction: keyof LinkShapes) =>
    directions.includes(direction) ? shapeOf(properties, base[direction]) : base[direction];
  return { there: changed('there'), back: changed('back') };
}

function shapeOf(properties: string, base: LinkShape): LinkShape {
  try {
    return parseShape(properties, base);
  } catch (cause) {
    throw new XiaError('usage', (cause as Error).message, { properties }, { cause });
  }
}

/** The properties of one direction, as `changedLink` reads them. */
export function shapeText(shape: LinkShape): string {
  return shapeKeys
    .flatMap(({ name, print }) => {
      const text = print(shape);
      return text === undefined ? [] : [`${name}=${text}`];
    })
    .join(' ');
}
