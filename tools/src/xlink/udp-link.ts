import { performance } from 'node:perf_hooks';
import { MAX_PACKET_BYTES, SeededRandom, UdpFace, type FaceHandler, type UdpOffloadMode, type XiaError } from 'xia-core';
import { LinkDirection, type DirectionReport, type LinkShapes } from '../emulated-link/index.js';
import { kernelDrops } from './kernel-drops.js';
import { Ticker, Wait } from './ticker.js';

export interface UdpLinkOptions {
  /** `ADDRESS:PORT` of the two programs between which the link is. */
  readonly a: string;
  readonly b: string;
  /** Where the link listens for each; these are what the programs have as the other's address. Port 0 takes a free one. */
  readonly listenA: string;
  readonly listenB: string;
  readonly link: LinkShapes;
  readonly seed: number;
  /** Hands packets with a flipped bit on; the system would have dropped them for their UDP checksum. */
  readonly keepsCorrupted: boolean;
  /** Off for datagrams that are not XIP packets. */
  readonly offload: UdpOffloadMode;
  /** Told of what goes wrong on the way. */
  readonly onFault: (error: XiaError) => void;
}

export interface UdpLinkReport {
  readonly isUp: boolean;
  readonly seconds: number;
  readonly aToB: DirectionReport;
  readonly bToA: DirectionReport;
  /** Datagrams of others than the two programs. */
  readonly strangers: number;
  /** Datagrams that the system dropped before they came here, because this process was not served in time: no part of the emulation. */
  readonly missed: number;
  /** Datagrams that the system did not take. */
  readonly refused: number;
  readonly cpuSeconds: number;
}

/** A packet on a real link has its IP and UDP headers with it, which count for rate, queue and MTU. */
const IPV4_HEADER_BYTES = 28;
const IPV6_HEADER_BYTES = 48;

interface Side {
  readonly face: UdpFace;
  /** What its program sends. */
  readonly direction: LinkDirection;
  /** To the program of this side. */
  readonly send: (packet: Uint8Array) => void;
}

/** An emulated link between two UDP endpoints, each of which sees this process in place of the other. */
export class UdpLink implements AsyncDisposable {
  readonly #sides: readonly [a: Side, b: Side];
  readonly #ticker = new Ticker();
  readonly #beganMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** When the timer fires. */
  #timerMs = Infinity;
  #strangers = 0;
  #refused = 0;

  private constructor(options: UdpLinkOptions) {
    const random = new SeededRandom(options.seed);
    const side = (name: 'a' | 'b', peer: string, listen: string, shape: LinkShapes['there']): Side => {
      const face = new UdpFace({ name, role: 'peer', listen, peers: [peer], mtu: MAX_PACKET_BYTES, offload: options.offload });
      const headerBytes = peer.startsWith('[') ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES;
      const directionOptions = { headerBytes, dropsCorrupted: !options.keepsCorrupted };
      return {
        face,
        direction: new LinkDirection(shape, new SeededRandom(random.below(2 ** 32)), this.#beganMs, directionOptions),
        send: (packet) => {
          if (!face.send(1, packet)) this.#refused++;
        },
      };
    };
    this.#sides = [side('a', options.a, options.listenA, options.link.there), side('b', options.b, options.listenB, options.link.back)];
  }

  /** @throws XiaError `bad-endpoint`, `bad-argument`, `address-in-use`, `face-failed` */
  static async open(options: UdpLinkOptions): Promise<UdpLink> {
    const link = new UdpLink(options);
    try {
      for (const { face, direction } of link.#sides) await face.open(link.#handler(direction, options.onFault));
    } catch (error) {
      await link.close();
      throw error;
    }
    return link;
  }

  /** Where it listens, `ADDRESS:PORT`. */
  get addresses(): { readonly a: string; readonly b: string } {
    const [a, b] = this.#sides;
    return { a: a.face.describe().address, b: b.face.describe().address };
  }

  get link(): LinkShapes {
    const [a, b] = this.#sides;
    return { there: a.direction.shape, back: b.direction.shape };
  }

  /** The same link with other properties; what is under way arrives as it would have. @throws XiaError `bad-argument` */
  reshape({ there, back }: LinkShapes): void {
    const [a, b] = this.#sides;
    a.direction.reshape(there);
    b.direction.reshape(back);
  }

  get isUp(): boolean {
    return this.#sides.every(({ direction }) => direction.isUp);
  }

  /** While it is down, packets are dropped and counted. */
  set isUp(isUp: boolean) {
    for (const { direction } of this.#sides) direction.isUp = isUp;
  }

  async report(): Promise<UdpLinkReport> {
    const [a, b] = this.#sides;
    const { user, system } = process.cpuUsage();
    return {
      isUp: this.isUp,
      seconds: (performance.now() - this.#beganMs) / 1000,
      aToB: a.direction.report(),
      bToA: b.direction.report(),
      strangers: this.#strangers,
      missed: await kernelDrops(Object.values(this.addresses)),
      refused: this.#refused,
      cpuSeconds: (user + system) / 1e6,
    };
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    for (const { face } of this.#sides) await face.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #handler(direction: LinkDirection, onFault: (error: XiaError) => void): FaceHandler {
    return {
      packet: (neighbour, bytes) => {
        if (neighbour === 1) direction.take(bytes, performance.now());
        else this.#strangers++;
        this.#schedule();
      },
      run: (neighbour, bytes, segmentBytes) => {
        const now = performance.now();
        // Each packet has a fate of its own.
        for (let at = 0; at < bytes.length; at += segmentBytes) {
          if (neighbour === 1) direction.take(bytes.subarray(at, at + segmentBytes), now);
          else this.#strangers++;
        }
        this.#schedule();
      },
      announced: () => {},
      gone: () => {},
      fault: onFault,
    };
  }

  readonly #release = (): void => {
    this.#immediate = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerMs = Infinity;
    const [a, b] = this.#sides;
    const now = performance.now();
    const dueMs = this.#ticker.dueMs(now);
    const released = a.direction.release(now, dueMs, b.send) + b.direction.release(now, dueMs, a.send);
    this.#ticker.released(released, now);
    this.#schedule();
  };

  #schedule(): void {
    if (this.#immediate !== undefined) return;
    const [a, b] = this.#sides;
    const nextMs = Math.min(a.direction.nextMs, b.direction.nextMs);
    const now = performance.now();
    const waitMs = this.#ticker.waitMs(nextMs, now);
    if (waitMs === Wait.NONE) return;
    if (waitMs === Wait.SPIN) {
      this.#immediate = setImmediate(this.#release);
      return;
    }
    if (this.#timerMs <= now + waitMs) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#release, waitMs);
    this.#timerMs = now + waitMs;
  }
}
