import { XiaError } from '../bytes/index.js';
import { shapeFault, type LinkShape } from './link-shape.js';
import { isLinkPresetName, linkPresets } from './presets.js';
import { withProperty } from './shape-text.js';
import { baseShapes, type Topology, type TopologyLink, type TopologyNode } from './topology.js';

interface Word {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,23}$/;

function fail(word: Word, reason: string): never {
  const { line, column } = word;
  throw new XiaError('bad-config', `${line}:${column}: ${reason}`, { line, column });
}

function wordsOf(text: string, line: number): Word[] {
  const code = text.replace(/#.*/, '');
  return [...code.matchAll(/\S+/g)].map((match) => ({ text: match[0], line, column: match.index + 1 }));
}

/** Reads a topology line by line; a property belongs to the link or direction that its line names. */
class Reader {
  readonly #nodes = new Map<string, { readonly word: Word; readonly role: 'router' | 'host'; readonly ad: string | undefined }>();
  readonly #links: { readonly word: Word; readonly link: Mutable<TopologyLink> }[] = [];

  read(words: readonly Word[]): void {
    const [first, second, ...rest] = words;
    if (first === undefined) return;
    if (first.text === 'router') this.#router(first, words.slice(1));
    else if (first.text === 'host') this.#host(first, words.slice(1));
    else if (first.text === 'link') this.#link(first, words.slice(1));
    else if (second?.text === '->') this.#direction(first, rest);
    else
      fail(
        first,
        `"${first.text}" begins no line; there are "router NAME AD", "host NAME", "link A B [PRESET] [KEY=VALUE ...]" and "A -> B KEY=VALUE ..."`,
      );
  }

  finish(): Topology {
    const links = this.#links.map(({ word, link }) => {
      const fault = shapeFault(link.there) ?? shapeFault(link.back);
      if (fault !== undefined) fail(word, `this link cannot be: ${fault}`);
      return link;
    });
    const nodes = [...this.#nodes].map(([name, { word, role, ad }]): TopologyNode => {
      const found = ad ?? this.#adAt(name, links);
      if (found === undefined) fail(word, `the host "${name}" has no link to a router`);
      return { name, role, ad: found };
    });
    return { nodes, links };
  }

  #adAt(host: string, links: readonly TopologyLink[]): string | undefined {
    const neighbours = links.filter(({ ends }) => ends.includes(host)).map(({ ends }) => ends.find((name) => name !== host)!);
    return neighbours.map((name) => this.#nodes.get(name)!.ad).find((ad) => ad !== undefined);
  }

  #router(first: Word, words: readonly Word[]): void {
    const [name, ad, more] = words;
    if (name === undefined || ad === undefined) fail(first, 'a router has a name and an AD: "router NAME AD"');
    if (more !== undefined) fail(more, `"${more.text}" is too much: "router NAME AD"`);
    if (!NAME.test(ad.text)) fail(ad, `"${ad.text}" is no name of an AD`);
    this.#add(name, 'router', ad.text);
  }

  #host(first: Word, words: readonly Word[]): void {
    const [name, more] = words;
    if (name === undefined) fail(first, 'a host has a name: "host NAME"');
    if (more !== undefined) fail(more, `"${more.text}" is too much: "host NAME"`);
    this.#add(name, 'host', undefined);
  }

  #add(word: Word, role: 'router' | 'host', ad: string | undefined): void {
    if (!NAME.test(word.text)) fail(word, `"${word.text}" is no name: a letter and up to 23 letters, digits, - and _`);
    if (this.#nodes.has(word.text)) fail(word, `there is a "${word.text}" already`);
    this.#nodes.set(word.text, { word, role, ad });
  }

  #link(first: Word, words: readonly Word[]): void {
    const [a, b, ...rest] = words;
    if (a === undefined || b === undefined) fail(first, 'a link has two ends: "link A B"');
    for (const end of [a, b]) this.#known(end);
    if (a.text === b.text) fail(b, 'a link has two ends that differ');
    if ([a, b].every(({ text }) => this.#nodes.get(text)!.role === 'host')) fail(b, 'one end of a link is a router');
    if (this.#find(a.text, b.text) !== undefined) fail(first, `there is a link between ${a.text} and ${b.text} already`);
    const preset = rest[0] !== undefined && !rest[0].text.includes('=') ? rest.shift() : undefined;
    if (preset !== undefined && !isLinkPresetName(preset.text)) {
      fail(preset, `there is no link "${preset.text}"; there are ${Object.keys(linkPresets).join(', ')}`);
    }
    const named = preset !== undefined && isLinkPresetName(preset.text) ? { preset: preset.text } : {};
    const { there, back } = baseShapes(preset?.text);
    const link: Mutable<TopologyLink> = { ends: [a.text, b.text], ...named, there, back };
    for (const word of rest) {
      link.there = applied(link.there, word);
      link.back = applied(link.back, word);
    }
    this.#links.push({ word: first, link });
  }

  #direction(from: Word, rest: readonly Word[]): void {
    const [to, ...properties] = rest;
    if (to === undefined) fail(from, 'a direction has two ends: "A -> B KEY=VALUE ..."');
    for (const end of [from, to]) this.#known(end);
    const link = this.#find(from.text, to.text);
    if (link === undefined) fail(from, `there is no link between ${from.text} and ${to.text}`);
    if (properties.length === 0) fail(to, 'a direction has properties: "A -> B KEY=VALUE ..."');
    const way = link.ends[0] === from.text ? 'there' : 'back';
    for (const word of properties) link[way] = applied(link[way], word);
  }

  #known(word: Word): void {
    if (!this.#nodes.has(word.text)) fail(word, `there is no node "${word.text}" above`);
  }

  #find(a: string, b: string): Mutable<TopologyLink> | undefined {
    return this.#links.find(({ link: { ends } }) => ends.includes(a) && ends.includes(b))?.link;
  }
}

function applied(shape: LinkShape, word: Word): LinkShape {
  const equals = word.text.indexOf('=');
  if (equals < 0) fail(word, `"${word.text}" is not KEY=VALUE`);
  try {
    return withProperty(shape, word.text.slice(0, equals), word.text.slice(equals + 1));
  } catch (error) {
    if (!(error instanceof XiaError)) throw error;
    fail(word, error.message);
  }
}

/**
 * Reads a network from text. A line is one of these; `#` begins a comment.
 *
 * ```text
 * router NAME AD
 * host NAME
 * link A B [PRESET] [KEY=VALUE ...]
 * A -> B KEY=VALUE ...
 * ```
 *
 * The last one changes one direction of a link that there is. Keys are those of `shapeKeys`.
 *
 * @throws XiaError `bad-config`, its message `LINE:COLUMN: reason`, its context `{ line, column }`
 */
export function parseTopology(text: string): Topology {
  const reader = new Reader();
  for (const [index, line] of text.split(/\r?\n/).entries()) reader.read(wordsOf(line, index + 1));
  return reader.finish();
}

/**
 * One direction of a link from properties alone, `delay=5ms rate=1Gbit loss=1%`.
 * @throws XiaError `bad-config`, as `parseTopology` does
 */
export function parseShape(text: string, base: LinkShape): LinkShape {
  const [first, ...rest] = wordsOf(text, 1);
  if (first === undefined) return base;
  const shape = [first, ...rest].reduce(applied, base);
  const fault = shapeFault(shape);
  if (fault !== undefined) fail(first, `this link cannot be: ${fault}`);
  return shape;
}
