import { expect } from 'vitest';
import { type Dag, nobleHash, NodeStack, parseEthernet, SeededRandom, toHex, XipView, type Xid, type RoleOptions } from 'xia-core';
import { EthernetLink } from '../../../../xia-core/src/io/ethernet-link.js';
import { frames } from '../../../data/vectors.js';
import { simCrypto } from '../../../simulation/sim-identity.js';

/** The MAC address that every station of the captures has. */
export const CAPTURED_MAC = Uint8Array.from({ length: 6 }, () => 0xaa);

export interface ScriptNode {
  readonly hid: Xid;
  readonly ad: Xid;
  readonly role: 'router' | 'host';
  readonly cacheBytes?: number;
  /** CIDs as the prototype makes them. */
  readonly sha1?: boolean;
}

/** A packet that the node sent, taken apart. */
export interface SentPacket {
  readonly view: XipView;
  /** `broadcast`, or the MAC address in the frame. */
  readonly to: string;
}

/**
 * A production stack behind a production Ethernet link, as a station of the captured network: captured frames in, frames out.
 * Its identifiers are given, though no key here can speak for them.
 */
export class FrameScript {
  readonly stack: NodeStack;
  readonly link: EthernetLink;
  readonly sent: SentPacket[] = [];
  readonly xarp: Uint8Array[] = [];
  /** What came for the datagram sockets. */
  readonly requests: { readonly payload: Uint8Array; readonly source: Dag }[] = [];
  #now = 0;

  constructor({ hid, ad, role, cacheBytes, sha1 }: ScriptNode) {
    const identity = { id: hid.id, publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) };
    const roleOptions: RoleOptions = role === 'router' ? { kind: 'router', ad, certificate: new Uint8Array(0) } : { kind: 'host' };
    this.stack = new NodeStack({
      identity,
      crypto: simCrypto,
      rng: new SeededRandom(1),
      ...(sha1 === true ? { contentHash: (data) => nobleHash(data, 'sha1') } : {}),
      faces: [{ name: 'eth0', role: 'peer', mtu: 1500, hidOf: (neighbour) => this.link.hidOf(neighbour) }],
      role: roleOptions,
      ...(cacheBytes === undefined ? {} : { cache: { bytes: cacheBytes, policy: 'fifo' } }),
      transmit: (_face, neighbour, packet, body) => this.link.send(neighbour, packet, body, this.#now) === true,
      onEvent: (event) => {
        if (event.layer !== 'datagram') return;
        const datagram = event.socket.receive();
        if (datagram !== undefined) this.requests.push(datagram);
      },
    });
    if (role === 'host') this.stack.engine.setLocal(ad);
    this.link = new EthernetLink({
      hid,
      mac: CAPTURED_MAC,
      neighbours: [],
      xarp: true,
      output: (_station, frame, body) => this.#output(body === undefined ? frame : Buffer.concat([frame, body])),
      onPacket: (neighbour, packet) => this.stack.receive(1, neighbour, packet, this.#now),
      onAnnounced: () => {},
      onGone: () => {},
    });
  }

  /** What is for `xids` goes to the neighbour that the captured frames come from. */
  routes(...xids: readonly Xid[]): this {
    for (const xid of xids) this.stack.addRoute(xid, { face: 1, neighbour: 0 });
    return this;
  }

  /** The datagrams that came, as text. */
  get datagrams(): string[] {
    return this.requests.map(({ payload }) => Buffer.from(payload).toString());
  }

  /** A captured frame arrives, changed by `edit`. */
  receives(name: string, edit: (frame: Uint8Array) => void = () => {}): this {
    const captured = frames.get(name);
    if (captured === undefined) throw new Error(`there is no frame ${name}`);
    const frame = Uint8Array.from(captured);
    edit(frame);
    this.link.receive(frame, 1, ++this.#now);
    return this;
  }

  sendsNothing(): this {
    expect(this.sent.map(({ view }) => toHex(view.bytes))).toEqual([]);
    expect(this.xarp).toEqual([]);
    return this;
  }

  /** The one packet that was sent since the last look. */
  sends(): XipView {
    expect(this.sent.length).toBe(1);
    return this.sent.shift()!.view;
  }

  /** The packet of a captured frame was sent on: but for the hop limit, and what `edit` changes, with the same bytes. */
  sendsOn(name: string, edit: (packet: Uint8Array) => void = () => {}): this {
    const expected = Uint8Array.from(frames.get(name)!.subarray(14));
    expected[4] = expected[4]! - 1;
    edit(expected);
    expect(toHex(this.sends().bytes)).toBe(toHex(expected));
    return this;
  }

  /** Counters that are not zero among the named ones, such as `delivery bad-transport`. */
  counts(name: string, value: number): this {
    const [part, ...rest] = name.split(' ');
    expect({ [name]: this.stack.counters()[part!]?.[rest.join(' ')] ?? 0 }).toEqual({ [name]: value });
    return this;
  }

  #output(bytes: Uint8Array): boolean {
    const frame = parseEthernet(bytes);
    if (frame.fault !== undefined) throw new Error(frame.fault);
    if (frame.etherType === 0x9990) {
      this.xarp.push(bytes);
      return true;
    }
    const view = new XipView();
    expect(view.reset(Uint8Array.from(frame.payload))).toBeUndefined();
    this.sent.push({ view, to: frame.destination[0] === 0xff ? 'broadcast' : toHex(frame.destination) });
    return true;
  }
}
