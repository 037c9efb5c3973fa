import { copyBytes, equalBytes, readU16BE, XiaError, type Gauge } from '../bytes/index.js';
import {
  BROADCAST_MAC,
  encodeEthernet,
  encodeXarp,
  ETHERNET_HEADER_BYTES,
  EtherType,
  MAC_BYTES,
  macToText,
  parseArp,
  parseXarp,
  writeEthernetHeader,
} from '../wire/index.js';
import { BROADCAST_HID, type Xid } from '../xid/index.js';
import { EthernetNeighbours, type EthernetNeighbour } from './ethernet-neighbours.js';
import { XarpTable } from './xarp-table.js';

const NO_MAC = new Uint8Array(MAC_BYTES);
const GROUP_BIT = 1;

export interface EthernetLinkOptions {
  /** Questions about it are answered. */
  readonly hid: Xid;
  readonly mac: Uint8Array;
  /** Neighbours whose address is never asked for. */
  readonly neighbours: readonly { readonly xid: Xid; readonly mac: Uint8Array }[];
  /** Whether to ask and answer by XARP. */
  readonly xarp: boolean;
  /** Sends a frame, its end in `body`, to a neighbour of the underlay or to all of them (0). False when it was dropped. */
  readonly output: (station: number, frame: Uint8Array, body: Uint8Array | undefined) => boolean;
  readonly onPacket: (neighbour: number, packet: Uint8Array) => void;
  /** A machine announced itself by RARP, from this MAC address. */
  readonly onAnnounced: (neighbour: number, station: string) => void;
  readonly onGone: (neighbour: number) => void;
}

/**
 * One station of an Ethernet link that carries XIP and XARP, without I/O: frames and `now` in, frames and packets out.
 *
 * Whoever sends us a frame is a neighbour by its MAC address. A neighbour can also be named by its HID, before anything
 * is heard of it; then its address is configured, or asked for when the first packet is for it. Frames to a station are
 * sent to where frames from it came from, as a switch does, and to everybody before.
 */
export class EthernetLink {
  readonly #options: EthernetLinkOptions;
  readonly #neighbours: EthernetNeighbours;
  readonly #xarp: XarpTable;
  readonly counters = {
    /** Frames to another address. */
    notForUs: 0,
    /** Frames of another protocol, short or empty ones. */
    otherFrames: 0,
    /** Messages that cannot be read, or that name an address that is no station's. */
    badXarp: 0,
    xarpRepliesSent: 0,
  };

  constructor(options: EthernetLinkOptions) {
    this.#options = options;
    this.#neighbours = new EthernetNeighbours(options.onGone);
    this.#xarp = new XarpTable({
      ask: (xid, mac) => this.#ask(xid, mac),
      resolved: (neighbour, mac) => this.#neighbours.bind(this.#neighbours.get(neighbour)!, mac),
      release: (neighbour, packet, body) => this.#release(neighbour, packet, body),
    });
    for (const { xid, mac } of options.neighbours) this.#neighbours.bind(this.#neighbours.name(xid), mac);
  }

  /**
   * The id of a neighbour by its name, the same for ever; 0, everybody, for the broadcast HID.
   * @throws XiaError `bad-config` when its address is neither configured nor may be asked for, `limit-reached`
   */
  neighbourFor(hid: Xid): number {
    if (hid.equals(BROADCAST_HID)) return 0;
    const known = this.#neighbours.byHid(hid);
    if (known !== undefined) return known.id;
    if (!this.#options.xarp) {
      throw new XiaError('bad-config', `${hid.toString()}: without XARP its MAC address must be configured`, { hid: hid.toString() });
    }
    const { id } = this.#neighbours.name(hid);
    this.#xarp.add(id, hid);
    return id;
  }

  hidOf(neighbour: number): Xid | undefined {
    return this.#neighbours.get(neighbour)?.hid;
  }

  neighbours(): readonly EthernetNeighbour[] {
    return this.#neighbours.all();
  }

  /** Takes a frame in, its end perhaps padded. The packet in it is handed on in place. False when it was none of ours. */
  receive(frame: Uint8Array, station: number, now: number): boolean {
    if (frame.length <= ETHERNET_HEADER_BYTES) return this.#ignore('otherFrames');
    const isBroadcast = startsWith(frame, BROADCAST_MAC);
    if (!isBroadcast && !startsWith(frame, this.#options.mac)) return this.#ignore('notForUs');
    if ((frame[MAC_BYTES]! & GROUP_BIT) !== 0) return this.#ignore('otherFrames');
    const payload = frame.subarray(ETHERNET_HEADER_BYTES);
    switch (readU16BE(frame, 2 * MAC_BYTES)) {
      case EtherType.XIP:
        this.#options.onPacket(this.#neighbours.heard(frame, MAC_BYTES, station), payload);
        return true;
      case EtherType.XARP:
        if (!this.#options.xarp) return this.#ignore('otherFrames');
        this.#neighbours.heard(frame, MAC_BYTES, station);
        return this.#receiveXarp(payload, now);
      case EtherType.RARP:
        if (parseArp(payload).fault !== undefined) return this.#ignore('otherFrames');
        this.#options.onAnnounced(this.#neighbours.heard(frame, MAC_BYTES, station), macToText(frame.subarray(MAC_BYTES, 2 * MAC_BYTES)));
        return true;
      default:
        return this.#ignore('otherFrames');
    }
  }

  /**
   * Sends a packet to a neighbour, 0 for everybody, or keeps it until the neighbour's address is known.
   * @returns undefined when the neighbour is not known or does not answer, else whether the underlay took it
   */
  send(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined, now: number): boolean | undefined {
    if (neighbour === 0) return this.#sendFrame(0, BROADCAST_MAC, packet, body);
    const to = this.#neighbours.get(neighbour);
    if (to === undefined) return undefined;
    if (!this.#xarp.has(neighbour)) {
      return to.mac === undefined ? undefined : this.#sendFrame(this.#neighbours.stationOf(to), to.mac, packet, body);
    }
    const mac = this.#xarp.macOf(neighbour, now);
    if (mac === undefined) return this.#xarp.wait(neighbour, packet, body, now) || undefined;
    return this.#sendFrame(to.station, mac, packet, body);
  }

  /** The underlay has forgotten one of its neighbours. */
  stationGone(station: number): void {
    this.#neighbours.stationGone(station);
  }

  nextTimeout(): number {
    return this.#xarp.nextTimeout();
  }

  handleTimeout(now: number): void {
    this.#xarp.handleTimeout(now);
  }

  /** Everything counted, by name. */
  stats(): Record<string, number> {
    return { ...this.counters, ...this.#xarp.counters, neighboursEvicted: this.#neighbours.evicted };
  }

  gauges(): Gauge[] {
    return [...this.#neighbours.gauges(), ...this.#xarp.gauges()];
  }

  #receiveXarp(payload: Uint8Array, now: number): boolean {
    const message = parseXarp(payload);
    if (message.fault !== undefined || !isStation(message.senderMac)) return this.#ignore('badXarp');
    const { hid, mac } = this.#options;
    if (message.operation === 'reply') {
      if (message.targetXid.equals(hid)) this.#xarp.handleReply(message.senderXid, message.senderMac, now);
      return true;
    }
    this.#xarp.handleRequestFrom(message.senderXid, message.senderMac, now);
    if (!message.targetXid.equals(hid)) return true;
    this.counters.xarpRepliesSent++;
    const reply = encodeXarp({
      operation: 'reply',
      senderMac: mac,
      senderXid: hid,
      targetMac: message.senderMac,
      targetXid: message.senderXid,
    });
    this.#sendXarp(message.senderMac, reply);
    return true;
  }

  #ask(xid: Xid, mac: Uint8Array | undefined): void {
    const { hid, mac: senderMac } = this.#options;
    const request = encodeXarp({ operation: 'request', senderMac, senderXid: hid, targetMac: NO_MAC, targetXid: xid });
    this.#sendXarp(mac ?? BROADCAST_MAC, request);
  }

  /** XARP is rare: it goes to everybody on the underlay, and whom it is for is in the frame. */
  #sendXarp(to: Uint8Array, message: Uint8Array): void {
    this.#options.output(0, encodeEthernet(to, this.#options.mac, EtherType.XARP, message), undefined);
  }

  #release(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined): void {
    const to = this.#neighbours.get(neighbour);
    if (to?.mac !== undefined) this.#sendFrame(to.station, to.mac, packet, body);
  }

  #sendFrame(station: number, to: Uint8Array, packet: Uint8Array, body: Uint8Array | undefined): boolean {
    const frame = Buffer.allocUnsafe(ETHERNET_HEADER_BYTES + packet.length);
    writeEthernetHeader(frame, to, this.#options.mac, EtherType.XIP);
    frame.set(packet, ETHERNET_HEADER_BYTES);
    return this.#options.output(station, frame, body);
  }

  #ignore(why: 'notForUs' | 'otherFrames' | 'badXarp'): false {
    this.counters[why]++;
    return false;
  }
}

/** The MAC address that a node has unless it is given another: of its HID, marked as locally administered. */
export function macOfHid(hid: Xid): Uint8Array {
  const mac = copyBytes(hid.id, 0, MAC_BYTES);
  mac[0] = (mac[0]! & 0xfc) | 0x02;
  return mac;
}

function startsWith(frame: Uint8Array, mac: Uint8Array): boolean {
  for (let index = 0; index < MAC_BYTES; index++) if (frame[index] !== mac[index]) return false;
  return true;
}

function isStation(mac: Uint8Array): boolean {
  return (mac[0]! & GROUP_BIT) === 0 && !equalBytes(mac, NO_MAC);
}
