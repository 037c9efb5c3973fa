import { XiaError, type Gauge } from '../bytes/index.js';
import { ETHERNET_HEADER_BYTES, macFromText, macToText } from '../wire/index.js';
import { PrincipalType, type Xid } from '../xid/index.js';
import type { FaceRole } from '../stack/face-table.js';
import { Driver } from './driver.js';
import { EthernetLink, macOfHid } from './ethernet-link.js';
import { FaceCounters, MAX_PACKET_BYTES, type Face, type FaceDescription, type FaceHandler, type FaceSettings } from './face.js';
import { DEFAULT_UDP_MTU, UdpFace } from './udp-face.js';

export interface EthernetFaceOptions {
  readonly name: string;
  readonly role: FaceRole;
  /** This node's HID: questions about it are answered, and it is the sender of ours. */
  readonly hid: Xid;
  /** `ADDRESS:PORT` that frames arrive at, one in each datagram. */
  readonly listen: string;
  /** `ADDRESS:PORT` of the other stations; those that are heard are added. */
  readonly peers?: readonly string[];
  /** `02:00:00:00:00:01`; by default it follows from the HID. */
  readonly mac?: string | undefined;
  /** Neighbours whose MAC address is known and never asked for. */
  readonly neighbours?: readonly { readonly xid: Xid; readonly mac: string }[];
  /** Whether to find MAC addresses by XARP; true by default. */
  readonly xarp?: boolean | undefined;
  /** Of the packets, without the 14 bytes before them. By default 1458, so that the frames do fit where a UDP face's packets fit. */
  readonly mtu?: number;
}

export const DEFAULT_ETHERNET_MTU = DEFAULT_UDP_MTU - ETHERNET_HEADER_BYTES;
const MAX_ETHERNET_MTU = MAX_PACKET_BYTES - ETHERNET_HEADER_BYTES;

/**
 * A face to an Ethernet link whose frames travel as UDP datagrams, one in each: the wires of a testbed of the C++ prototype,
 * and QEMU's `-netdev dgram`.
 */
export class EthernetFace implements Face {
  readonly name: string;
  readonly counters = new FaceCounters();
  #mtu: number;
  readonly #mac: Uint8Array;
  readonly #underlay: UdpFace;
  readonly #link: EthernetLink;
  readonly #driver: Driver;
  #handler: FaceHandler | undefined;

  /** @throws XiaError `bad-endpoint` for an address that cannot be read, `bad-config` for another bad option */
  constructor(options: EthernetFaceOptions) {
    const { name, role, hid, listen, peers = [], mtu = DEFAULT_ETHERNET_MTU } = options;
    this.name = name;
    this.#mtu = checkedMtu(name, mtu);
    this.#mac = options.mac === undefined ? macOfHid(hid) : stationMac(name, options.mac);
    this.#underlay = new UdpFace({ name, role, listen, peers, mtu: mtu + ETHERNET_HEADER_BYTES });
    this.#link = new EthernetLink({
      hid,
      mac: this.#mac,
      neighbours: (options.neighbours ?? []).map(({ xid, mac }) => ({ xid: nextHopHid(name, xid), mac: stationMac(name, mac) })),
      xarp: options.xarp ?? true,
      output: (station, frame, body) => this.#underlay.send(station, frame, body),
      onPacket: (neighbour, packet) => {
        this.counters.packetsIn++;
        this.counters.bytesIn += packet.length;
        this.#handler?.packet(neighbour, packet);
      },
      onAnnounced: (neighbour, station) => this.#handler?.announced(neighbour, station),
      onGone: (neighbour) => {
        this.counters.neighboursEvicted++;
        this.#handler?.gone(neighbour);
      },
    });
    const link = this.#link;
    this.#driver = new Driver({
      nextTimeout: () => link.nextTimeout(),
      handleTimeout: (now) => link.handleTimeout(now),
      wallOffsetMs: 0,
    });
  }

  get role(): FaceRole {
    return this.#underlay.role;
  }

  get mtu(): number {
    return this.#mtu;
  }

  update({ role, mtu = DEFAULT_ETHERNET_MTU, peers }: FaceSettings): void {
    const checked = checkedMtu(this.name, mtu);
    this.#underlay.update({ role, mtu: checked + ETHERNET_HEADER_BYTES, peers });
    this.#mtu = checked;
  }

  /** @throws XiaError `bad-config`, `limit-reached` */
  neighbourFor(hid: Xid): number {
    return this.#link.neighbourFor(nextHopHid(this.name, hid));
  }

  hidOf(neighbour: number): Xid | undefined {
    return this.#link.hidOf(neighbour);
  }

  async open(handler: FaceHandler): Promise<void> {
    await this.#underlay.open({
      packet: (station, frame) => {
        if (!this.#link.receive(frame, station, this.#driver.now())) this.counters.ignored++;
        this.#driver.rearm();
      },
      announced: () => {},
      gone: (station) => this.#link.stationGone(station),
      fault: (error) => {
        this.counters.faults++;
        handler.fault(error);
      },
    });
    this.#handler = handler;
  }

  send(neighbour: number, packet: Uint8Array, body?: Uint8Array): boolean {
    const bytes = packet.length + (body?.length ?? 0);
    if (bytes > this.mtu) {
      this.counters.droppedTooBig++;
      return false;
    }
    if (this.#handler === undefined) return this.#noNeighbour();
    const queueFull = this.#underlay.counters.droppedQueueFull;
    const sent = this.#link.send(neighbour, packet, body, this.#driver.now());
    this.#driver.rearm();
    if (sent === true) {
      this.counters.packetsOut++;
      this.counters.bytesOut += bytes;
      return true;
    }
    if (sent === undefined || this.#underlay.counters.droppedQueueFull === queueFull) return this.#noNeighbour();
    this.counters.droppedQueueFull++;
    return false;
  }

  describe(): FaceDescription {
    const { address, details } = this.#underlay.describe();
    const neighbours = this.#link.neighbours().map(({ id, mac, hid }) => {
      const where = mac === undefined ? '(not resolved)' : macToText(mac);
      return { id, address: hid === undefined ? where : `${where} ${hid.toString()}` };
    });
    return { address, neighbours, details: { ...details, mac: macToText(this.#mac), ...this.#link.stats() } };
  }

  gauges(): Gauge[] {
    return [...this.#underlay.gauges(), ...this.#link.gauges()];
  }

  async close(): Promise<void> {
    this.#handler = undefined;
    this.#driver.stop();
    await this.#underlay.close();
  }

  #noNeighbour(): false {
    this.counters.droppedNoNeighbour++;
    return false;
  }
}

function checkedMtu(face: string, mtu: number): number {
  if (Number.isInteger(mtu) && mtu >= 1 && mtu <= MAX_ETHERNET_MTU) return mtu;
  throw new XiaError('bad-config', `face ${face}: mtu must be from 1 to ${MAX_ETHERNET_MTU}`, { mtu });
}

function stationMac(face: string, text: string): Uint8Array {
  try {
    const mac = macFromText(text);
    if ((mac[0]! & 1) === 0 && mac.some((byte) => byte !== 0)) return mac;
  } catch (cause) {
    throw new XiaError('bad-config', `face ${face}: ${(cause as Error).message}`, { face, text }, { cause });
  }
  throw new XiaError('bad-config', `face ${face}: ${text} is not the MAC address of one station`, { face, text });
}

function nextHopHid(face: string, xid: Xid): Xid {
  if (xid.type === PrincipalType.HID) return xid;
  throw new XiaError('bad-config', `face ${face}: a neighbour is named by its HID, not by ${xid.toString()}`, {
    face,
    xid: xid.toString(),
  });
}
