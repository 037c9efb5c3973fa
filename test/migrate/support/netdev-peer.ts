import { createServer, type Server, type Socket } from 'node:net';

/** The far end of QEMU's `-netdev stream`: each Ethernet frame behind its length in 4 bytes, big-endian. */
export interface SeenFrame {
  readonly atMs: number;
  readonly kind: 'arp' | 'gratuitous-arp' | 'rarp' | 'udp' | 'other';
  readonly frame: Buffer;
  /** The payload of a UDP datagram. */
  readonly text: string;
}

const GATEWAY_MAC = Buffer.from('02584941ffff', 'hex');
const GATEWAY_IP = Buffer.from([169, 254, 77, 1]);
const GUEST_IP = Buffer.from([169, 254, 77, 2]);
const MAX_FRAME_BYTES = 70_000;

/** Plays the gateway for one guest: keeps what it sends and answers ARP. */
export class NetdevPeer {
  readonly seen: SeenFrame[] = [];
  readonly connectedAtMs: number[] = [];
  readonly closedAtMs: number[] = [];
  #guestMac: Buffer | undefined;
  #socket: Socket | undefined;
  readonly #waiting: Array<() => void> = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async listen(path: string): Promise<NetdevPeer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return new NetdevPeer(server);
  }

  /** The first frame, seen already or to come, that fits. */
  async until(fits: (frame: SeenFrame) => boolean): Promise<SeenFrame> {
    for (let at = 0; ; at++) {
      while (at >= this.seen.length) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      const frame = this.seen[at];
      if (frame !== undefined && fits(frame)) return frame;
    }
  }

  /** Sends a UDP datagram to the guest, which must have spoken before. */
  sendUdp(text: string): void {
    const payload = Buffer.from(text);
    const packet = Buffer.alloc(28 + payload.length);
    packet.writeUInt16BE(0x4500, 0);
    packet.writeUInt16BE(packet.length, 2);
    packet.writeUInt16BE(0x4011, 8);
    GATEWAY_IP.copy(packet, 12);
    GUEST_IP.copy(packet, 16);
    let sum = 0;
    for (let at = 0; at < 20; at += 2) sum += packet.readUInt16BE(at);
    sum = (sum & 0xffff) + (sum >>> 16);
    packet.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 10);
    packet.writeUInt16BE(9000, 20);
    packet.writeUInt16BE(9000, 22);
    packet.writeUInt16BE(8 + payload.length, 24);
    payload.copy(packet, 28);
    this.#send(Buffer.concat([this.#guestMac ?? Buffer.alloc(6), GATEWAY_MAC, Buffer.from('0800', 'hex'), packet]));
  }

  /** Ends the connection to QEMU, as a host node that dies does. */
  drop(): void {
    this.#socket?.destroy();
  }

  async close(): Promise<void> {
    this.drop();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.connectedAtMs.push(performance.now());
    this.#socket = socket;
    let pending = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('close', () => this.closedAtMs.push(performance.now()));
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 4) {
        const length = pending.readUInt32BE(0);
        if (length > MAX_FRAME_BYTES) throw new Error(`a frame of ${length} bytes`);
        if (pending.length < 4 + length) break;
        this.#take(Buffer.from(pending.subarray(4, 4 + length)));
        pending = pending.subarray(4 + length);
      }
    });
  }

  #take(frame: Buffer): void {
    const kind = this.#classify(frame);
    this.seen.push({ atMs: performance.now(), kind, frame, text: kind === 'udp' ? frame.subarray(42).toString() : '' });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #classify(frame: Buffer): SeenFrame['kind'] {
    this.#guestMac = frame.subarray(6, 12);
    switch (frame.readUInt16BE(12)) {
      case 0x0800:
        return frame[23] === 17 ? 'udp' : 'other';
      case 0x8035:
        return 'rarp';
      case 0x0806:
        if (frame.subarray(38, 42).equals(GATEWAY_IP) && frame.readUInt16BE(20) === 1) this.#answerArp(frame);
        return frame.subarray(28, 32).equals(frame.subarray(38, 42)) ? 'gratuitous-arp' : 'arp';
      default:
        return 'other';
    }
  }

  #answerArp(request: Buffer): void {
    const reply = Buffer.from(request);
    reply.writeUInt16BE(2, 20);
    GATEWAY_MAC.copy(reply, 22);
    GATEWAY_IP.copy(reply, 28);
    request.copy(reply, 32, 22, 32);
    request.copy(reply, 0, 6, 12);
    GATEWAY_MAC.copy(reply, 6);
    this.#send(reply);
  }

  #send(frame: Buffer): void {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(frame.length);
    this.#socket?.write(Buffer.concat([head, frame]));
  }
}
