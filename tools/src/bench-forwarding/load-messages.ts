/** What the generator is to send. */
export interface LoadOrder {
  /** Port on the loopback interface. */
  readonly target: number;
  readonly traffic: Traffic;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Packets under way at most: the receiver answers how many it has, so the slowest part on the way sets the pace. */
  readonly windowPackets: number;
}

export type Traffic =
  | {
      /** One packet again and again. */
      readonly kind: 'transit';
      readonly packet: Uint8Array;
      /** Packets that are given to the kernel at a time. */
      readonly run: number;
    }
  | {
      /** Answers with chunks that nobody has seen before, one packet at a time. */
      readonly kind: 'chunks';
      /** A whole answer; each chunk has the identifier and the data of its own put into it. */
      readonly head: Uint8Array;
      readonly cidOffset: number;
      readonly chunkBytes: number;
      readonly segmentBytes: number;
    };

/** From the generator, when measuring begins and when it ends. */
export interface LoadMark {
  readonly phase: 'begin' | 'end';
  /** Packets sent, and packets that the sink has received, since the start. */
  readonly sent: number;
  readonly received: number;
  readonly wallMs: number;
}

/** From each process of the benchmark, when it can be used. */
export interface Listening {
  readonly port: number;
}
