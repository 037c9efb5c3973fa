import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FaceCounters, type Face, type FaceDescription, type FaceHandler } from '../../xia-core/src/io/face.js';
import { FrameSplitter } from '../../xia-core/src/io/frame-splitter.js';
import { encodeArp } from '../../xia-core/src/wire/arp.js';
import { BROADCAST_MAC, encodeEthernet, EtherType, parseEthernet } from '../../xia-core/src/wire/ethernet.js';
import { parseIpv4Udp } from '../../xia-core/src/wire/ipv4-udp.js';

const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const NO_MAC = new Uint8Array(6);
const NO_ADDRESS = new Uint8Array(4);
const MAX_FRAME_BYTES = 65_549;

/**
 * The network card of a machine without the machine: speaks to the netdev face of a real host as QEMU does, for a node in this process.
 * While it stands still it neither sends nor hears; what comes by the wire of where it goes on waits in between, as in QEMU.
 */
export class MachineCard implements Face {
  readonly name = 'card';
  readonly role = 'uplink';
  readonly mtu = 1472;
  readonly counters = new FaceCounters();
  readonly #sockets: Socket[] = [];
  #handler: FaceHandler | undefined;
  #wire: Socket | undefined;
  readonly #waiting = new Map<Socket, Uint8Array[]>();

  /** Plugs it in; nothing passes until `run`. */
  async plug(path: string): Promise<Socket> {
    const socket = connect(path);
    this.#sockets.push(socket);
    this.#waiting.set(socket, []);
    const splitter = new FrameSplitter(MAX_FRAME_BYTES, (frame) => this.#take(socket, frame.slice()));
    socket.on('data', (piece) => void splitter.push(piece));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** The machine runs, by that wire. */
  run(wire: Socket): void {
    this.#wire = wire;
    const message = { senderMac: MAC, senderAddress: NO_ADDRESS, targetMac: MAC, targetAddress: NO_ADDRESS };
    this.#write(encodeEthernet(BROADCAST_MAC, MAC, EtherType.RARP, encodeArp({ operation: 'reverse-request', ...message })));
    for (const frame of this.#waiting.get(wire)?.splice(0) ?? []) this.#take(wire, frame);
  }

  stop(): void {
    for (const frames of this.#waiting.values()) frames.length = 0;
    this.#wire = undefined;
  }

  async open(handler: FaceHandler): Promise<void> {
    this.#handler = handler;
  }

  send(_neighbour: number, packet: Uint8Array, body: Uint8Array = new Uint8Array(0)): boolean {
    this.counters.packetsOut++;
    return this.#write(encodeEthernet(NO_MAC, MAC, EtherType.XIP, Buffer.concat([packet, body])));
  }

  describe(): FaceDescription {
    return { address: 'machine card', neighbours: [] };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
  }

  #write(frame: Uint8Array): boolean {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(frame.length);
    this.#wire?.write(Buffer.concat([prefix, frame]));
    return this.#wire !== undefined;
  }

  #take(wire: Socket, frame: Uint8Array): void {
    if (wire !== this.#wire) return void this.#waiting.get(wire)?.push(frame);
    const packet = packetOf(frame);
    if (packet !== undefined) this.#handler?.packet(1, packet);
  }
}

function packetOf(frame: Uint8Array): Uint8Array | undefined {
  const ethernet = parseEthernet(frame);
  if (ethernet.fault !== undefined) return undefined;
  if (ethernet.etherType === EtherType.XIP) return ethernet.payload;
  if (ethernet.etherType !== EtherType.IPV4) return undefined;
  const datagram = parseIpv4Udp(ethernet.payload);
  return datagram.fault === undefined ? datagram.payload : undefined;
}
