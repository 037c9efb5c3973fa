import type { Xid } from 'xia-core';
import type { SimNetwork, SimNode } from './network.js';

/** Instead of a face: the identifier is the node's own, or there is no way. */
const HERE = -2;
const NOWHERE = -1;

/** Where packets from a node end: at whom they are for, where nobody has a way or would send them back, or never. */
type End = 'arrived' | 'dropped' | 'loop';

interface Known {
  /** The face for each watched identifier, or what stands instead of one. */
  readonly faces: Int32Array;
  /** 1 where the face is that of an entry of its own, and not the default. */
  readonly isEntry: Uint8Array;
  /** The sequence of the binding of each watched HID. */
  readonly sequences: Float64Array;
}

/**
 * Watches the ways to some nodes that move. After each step of any node, and after each change of a link, it follows the packets
 * for them, by each address that they may have had, from where something has changed: a loop that was not there before
 * leads through that place. They may end at the node, or where they are held or dropped, but never go in a circle.
 */
export class RouteInvariants {
  readonly #network: SimNetwork;
  readonly #hids: readonly Xid[];
  readonly #ads: readonly Xid[];
  readonly #known = new Map<SimNode, Known>();
  /** What was wrong first, in words. */
  fault: string | undefined;
  /** Loops that routing made alone. */
  routingLoops = 0;
  /** Changes of a way so far. */
  changes = 0;
  /** A way has changed, in words. */
  onChange: ((text: string) => void) | undefined;

  /** @param hids the nodes that move, `ads` every AD */
  constructor(network: SimNetwork, hids: readonly Xid[], ads: readonly Xid[]) {
    this.#network = network;
    this.#hids = hids;
    this.#ads = ads;
    const previous = network.onStep;
    network.onStep = (node) => {
      previous(node);
      this.#stepped(node);
    };
    for (const node of network.nodes) this.#stepped(node);
  }

  /** Links of these nodes have changed. */
  relinked(nodes: readonly SimNode[]): void {
    for (const node of nodes) {
      this.changes++;
      for (let xid = 0; xid < this.#hids.length + this.#ads.length; xid++) this.#check(node, xid);
    }
  }

  /**
   * Who does not reach a node by an address, in words; undefined when everybody does.
   * @param ads those where it has been, the present one included
   */
  unreached(hid: Xid, ads: readonly Xid[]): string | undefined {
    const target = this.#hids.findIndex((other) => other.equals(hid));
    for (const ad of ads) {
      const by = this.#ads.findIndex((other) => other.equals(ad));
      for (const node of this.#network.nodes) {
        if (node.running && this.#follow(node, target, by) !== 'arrived') return `${this.#told(node, target, by)} by AD ${by + 1}`;
      }
    }
    return undefined;
  }

  /** Whether packets from a node reach another one by an address in an AD. */
  reaches(from: SimNode, hid: Xid, ad: Xid): boolean {
    const [target, by] = [this.#hids.findIndex((other) => other.equals(hid)), this.#ads.findIndex((other) => other.equals(ad))];
    return this.#follow(from, target, by) === 'arrived';
  }

  #stepped(node: SimNode): void {
    const { engine } = node.stack;
    const known = this.#knownOf(node);
    const count = this.#hids.length + this.#ads.length;
    for (let xid = 0; xid < count; xid++) {
      const { type, id } = this.#xid(xid);
      const table = engine.table(type);
      const slot = table.find(id, 0);
      const face = slot < 0 ? table.defaultFace : table.faceAt(slot);
      const isEntry = slot < 0 ? 0 : 1;
      if (xid < this.#hids.length) this.#checkSequence(node, known, xid);
      if (known.faces[xid] === face && known.isEntry[xid] === isEntry) continue;
      known.faces[xid] = face;
      known.isEntry[xid] = isEntry;
      this.changes++;
      this.onChange?.(`${node.name} ${this.#wayOf(node, xid)}`);
      this.#check(node, xid);
    }
  }

  #checkSequence(node: SimNode, { sequences }: Known, hid: number): void {
    const sequence = node.stack.mobility.binding(this.#hids[hid]!)?.sequence ?? 0;
    const before = sequences[hid]!;
    if (sequence === before) return;
    sequences[hid] = sequence;
    // 0: forgotten, or no more than asked for; what was forgotten is believed by nobody.
    if (sequence > 0 && sequence < before) this.#fail(`${node.name} went back from sequence ${before} to ${sequence}`);
  }

  /** Follows everything that a changed way may be part of. */
  #check(node: SimNode, xid: number): void {
    if (this.fault !== undefined) return;
    const isHid = xid < this.#hids.length;
    for (let hid = isHid ? xid : 0; hid < (isHid ? xid + 1 : this.#hids.length); hid++) {
      // Whoever has passed the AD follows the HID alone, by whatever AD it came.
      for (let ad = isHid ? -1 : xid - this.#hids.length; ad < (isHid ? this.#ads.length : xid - this.#hids.length + 1); ad++) {
        if (this.#follow(node, hid, ad) !== 'loop') continue;
        if (this.#isOfRouting(node, hid, ad)) this.routingLoops++;
        else this.#fail(`a loop: ${this.#told(node, hid, ad)} by AD ${ad + 1}`);
      }
    }
  }

  /** What the forwarding of packets does, node after node; `ad` -1: the packet has passed its AD. */
  #follow(start: SimNode, hid: number, ad: number, path?: SimNode[]): End {
    let node = start;
    let hasPassed = ad < 0;
    let cameBy = NOWHERE;
    for (let steps = 2 * this.#network.nodes.length + 2; steps > 0; steps--) {
      path?.push(node);
      const { faces } = this.#knownOf(node);
      let isFurther = false;
      if (!hasPassed && faces[this.#hids.length + ad] === HERE) {
        hasPassed = true;
        isFurther = true;
      }
      const face = faces[hasPassed ? hid : this.#hids.length + ad]!;
      if (face === HERE) return 'arrived';
      // A node does not send back to where a packet came from, unless it has come further in its address here.
      if (face === NOWHERE || (face === cameBy && !isFurther)) return 'dropped';
      const link = node.links.get(face);
      if (link === undefined || !link.up) return 'dropped';
      const end = link.ends[0].node === node && link.ends[0].face === face ? link.ends[1] : link.ends[0];
      if (!end.node.running) return 'dropped';
      node = end.node;
      cameBy = end.face;
    }
    return 'loop';
  }

  /** Whether no binding has a part in a loop: routers that have not all heard yet that one of them has begun anew. */
  #isOfRouting(start: SimNode, hid: number, ad: number): boolean {
    const path: SimNode[] = [];
    this.#follow(start, hid, ad, path);
    const [count, isPast] = [
      this.#network.nodes.length,
      ad < 0 || path.some((node) => this.#knownOf(node).faces[this.#hids.length + ad] === HERE),
    ];
    const xid = this.#xid(isPast ? hid : this.#hids.length + ad);
    return path.slice(-count).every(({ stack }) => stack.rib.chosen(xid)?.source === 'link-state');
  }

  #told(start: SimNode, hid: number, ad: number): string {
    const path: SimNode[] = [];
    const end = this.#follow(start, hid, ad, path);
    return `node ${hid + 1} from ${path.map(({ name }) => name).join(' ')} ${end}`;
  }

  #wayOf(node: SimNode, xid: number): string {
    const { faces, isEntry } = this.#knownOf(node);
    const face = faces[xid]!;
    const other = node.links.get(face)?.ends.find((end) => end.node !== node)?.node.name ?? 'a face without a link';
    const way = face === HERE ? 'here' : face === NOWHERE ? 'nowhere' : `by ${other}${isEntry[xid] === 1 ? '' : ' as everything'}`;
    return `${xid < this.#hids.length ? `node ${xid + 1}` : `AD ${xid - this.#hids.length + 1}`} ${way}`;
  }

  #fail(what: string): void {
    this.fault ??= `at ${this.#network.now.toFixed(3)} ms: ${what}`;
  }

  #xid(index: number): Xid {
    return index < this.#hids.length ? this.#hids[index]! : this.#ads[index - this.#hids.length]!;
  }

  #knownOf(node: SimNode): Known {
    let known = this.#known.get(node);
    if (known === undefined) {
      const count = this.#hids.length + this.#ads.length;
      known = {
        faces: new Int32Array(count).fill(NOWHERE),
        isEntry: new Uint8Array(count),
        sequences: new Float64Array(this.#hids.length),
      };
      this.#known.set(node, known);
    }
    return known;
  }
}

/** The ADs that the present binding of a node names: where it is, and where it was before. Undefined before it is bound. */
export function placesOf(network: SimNetwork, node: SimNode): readonly Xid[] | undefined {
  const { attachment } = node.stack.mobility;
  if (attachment === undefined) return undefined;
  const gateway = network.nodes.find(({ stack }) => stack.hid.equals(attachment.router));
  const binding = gateway?.stack.mobility.binding(node.stack.hid)?.proof?.binding;
  return binding === undefined ? undefined : [binding.ad, ...binding.previousAds];
}
