/** How full a bounded queue or table is, as people see it. */
export interface Gauge {
  /** What it is, the part of the node first: `forwarding HID routes`. */
  readonly name: string;
  readonly unit: 'entries' | 'bytes' | 'packets';
  readonly used: number;
  /** The most that was ever used. */
  readonly highWater: number;
  readonly bound: number;
  /** How often something did not fit, or made something else go. */
  readonly refused: number;
}
