import { equalBytes, internetChecksum, writeU16BE, writeU32BE } from '../bytes/index.js';
import {
  BROADCAST_MAC,
  encodeArpReply,
  encodeEthernet,
  encodeIpv4Udp,
  ETHERNET_HEADER_BYTES,
  EtherType,
  IPV4_UDP_HEADER_BYTES,
  macToText,
  parseArp,
  parseEthernet,
  parseIpv4Udp,
} from '../wire/index.js';

// The link between a machine and its host is the same at every site, so that a machine that moved has nothing to learn:
// link-local addresses (RFC 3927), and a locally administered MAC address for the host.

/** The host's end of every machine's link. */
export const NETDEV_GATEWAY_ADDRESS = '169.254.77.1';
/** The machine's end of its link. */
export const NETDEV_GUEST_ADDRESS = '169.254.77.2';
/** The UDP port of XIP at both ends. */
export const NETDEV_UDP_PORT = 7000;

const GATEWAY_ADDRESS = Uint8Array.of(169, 254, 77, 1);
const GUEST_ADDRESS = Uint8Array.of(169, 254, 77, 2);
const GATEWAY_MAC = Uint8Array.of(0x02, 0x58, 0x49, 0x41, 0x00, 0x01);
const NO_ADDRESS = new Uint8Array(4);
const NO_BYTES = new Uint8Array(0);

/** QEMU puts the length of a frame before it. */
const PREFIX_BYTES = 4;
const IPV4_AT = PREFIX_BYTES + ETHERNET_HEADER_BYTES;
const UDP_AT = IPV4_AT + 20;

/** What a frame from a machine was. */
export type NetdevEvent =
  | { readonly kind: 'packet'; readonly packet: Uint8Array }
  /** It announced itself: it was started, or resumed at this host. */
  | { readonly kind: 'announced'; /** Its MAC address as text. */ readonly station: string }
  /** A frame to send back, its length before it. */
  | { readonly kind: 'reply'; readonly frame: Uint8Array }
  | { readonly kind: 'ignored' };

const IGNORED: NetdevEvent = { kind: 'ignored' };

/**
 * The host's end of the Ethernet link to one virtual machine. XIP packets come and go as UDP datagrams between the two
 * fixed addresses, or as frames of their own EtherType when the machine sends such; it is answered in the way in which
 * it last spoke, at the addresses that it last used.
 */
export class NetdevLink {
  #mac: Uint8Array = BROADCAST_MAC;
  #address: Uint8Array = GUEST_ADDRESS;
  #port = NETDEV_UDP_PORT;
  #raw = false;
  /** The bytes before each packet, to be copied and given its lengths. */
  #head: Uint8Array = NO_BYTES;

  constructor() {
    this.#rebuildHead();
  }

  /** Takes a frame from the machine in, without its length. A packet is a view of the frame. */
  receive(frame: Uint8Array): NetdevEvent {
    const ethernet = parseEthernet(frame);
    if (ethernet.fault !== undefined) return IGNORED;
    switch (ethernet.etherType) {
      case EtherType.XIP:
        if (ethernet.payload.length === 0) return IGNORED;
        this.#learn(ethernet.source, this.#address, this.#port, true);
        return { kind: 'packet', packet: ethernet.payload };
      case EtherType.IPV4:
        return this.#receiveUdp(ethernet.source, ethernet.payload);
      case EtherType.ARP:
      case EtherType.RARP:
        return this.#receiveArp(ethernet.payload);
      default:
        return IGNORED;
    }
  }

  /** The frame that carries a packet, `body` behind `packet`, to the machine, its length before it, in one new array. */
  encode(packet: Uint8Array, body: Uint8Array = NO_BYTES): Uint8Array {
    const head = this.#head;
    const packetBytes = packet.length + body.length;
    const frame = Buffer.allocUnsafe(head.length + packetBytes);
    frame.set(head, 0);
    frame.set(packet, head.length);
    frame.set(body, head.length + packet.length);
    writeU32BE(frame, 0, frame.length - PREFIX_BYTES);
    if (!this.#raw) {
      writeU16BE(frame, IPV4_AT + 2, IPV4_UDP_HEADER_BYTES + packetBytes);
      writeU16BE(frame, IPV4_AT + 10, internetChecksum(frame, IPV4_AT, UDP_AT));
      writeU16BE(frame, UDP_AT + 4, 8 + packetBytes);
    }
    return frame;
  }

  /** The machine's MAC address as text; undefined before it has spoken. */
  get station(): string | undefined {
    return this.#mac === BROADCAST_MAC ? undefined : macToText(this.#mac);
  }

  /** Where the machine is, for people. */
  describe(): string {
    const mac = macToText(this.#mac);
    return this.#raw ? `${mac} (XIP frames)` : `${mac} ${this.#address.join('.')}:${this.#port}`;
  }

  #receiveUdp(mac: Uint8Array, bytes: Uint8Array): NetdevEvent {
    const datagram = parseIpv4Udp(bytes);
    if (datagram.fault !== undefined || datagram.payload.length === 0) return IGNORED;
    if (datagram.destinationPort !== NETDEV_UDP_PORT || !equalBytes(datagram.destination, GATEWAY_ADDRESS)) return IGNORED;
    this.#learn(mac, datagram.source, datagram.sourcePort, false);
    return { kind: 'packet', packet: datagram.payload };
  }

  #receiveArp(bytes: Uint8Array): NetdevEvent {
    const arp = parseArp(bytes);
    if (arp.fault !== undefined) return IGNORED;
    if (arp.operation === 'request' && equalBytes(arp.targetAddress, GATEWAY_ADDRESS)) {
      if (equalBytes(arp.senderAddress, GATEWAY_ADDRESS)) return IGNORED;
      const reply = encodeEthernet(arp.senderMac, GATEWAY_MAC, EtherType.ARP, encodeArpReply(arp, GATEWAY_MAC));
      return { kind: 'reply', frame: prefixed(reply) };
    }
    const isGratuitous = equalBytes(arp.senderAddress, arp.targetAddress) && !equalBytes(arp.senderAddress, NO_ADDRESS);
    if (arp.operation !== 'reverse-request' && !isGratuitous) return IGNORED;
    this.#learn(arp.senderMac, this.#address, this.#port, this.#raw);
    return { kind: 'announced', station: macToText(arp.senderMac) };
  }

  #learn(mac: Uint8Array, address: Uint8Array, port: number, raw: boolean): void {
    const isKnown = raw === this.#raw && port === this.#port && equalBytes(mac, this.#mac) && equalBytes(address, this.#address);
    if (isKnown) return;
    this.#mac = Uint8Array.from(mac);
    this.#address = Uint8Array.from(address);
    this.#port = port;
    this.#raw = raw;
    this.#rebuildHead();
  }

  #rebuildHead(): void {
    if (this.#raw) {
      this.#head = prefixed(encodeEthernet(this.#mac, GATEWAY_MAC, EtherType.XIP, NO_BYTES));
      return;
    }
    const datagram = encodeIpv4Udp({
      source: GATEWAY_ADDRESS,
      destination: this.#address,
      sourcePort: NETDEV_UDP_PORT,
      destinationPort: this.#port,
      payload: NO_BYTES,
    });
    const head = prefixed(encodeEthernet(this.#mac, GATEWAY_MAC, EtherType.IPV4, datagram));
    writeU16BE(head, IPV4_AT + 10, 0); // summed anew for every length
    writeU16BE(head, UDP_AT + 6, 0); // no checksum: the frame goes through memory of this machine only
    this.#head = head;
  }
}

function prefixed(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES + frame.length);
  writeU32BE(bytes, 0, frame.length);
  bytes.set(frame, PREFIX_BYTES);
  return bytes;
}
