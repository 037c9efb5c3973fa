import type { ErrorCode, LinkShape } from 'xia-core';
import type { DirectionReport } from '../emulated-link/index.js';

/** What the laboratory asks of its pump. */
export type PumpRequest =
  | { readonly kind: 'open'; readonly names: readonly [left: string, right: string] }
  | { readonly kind: 'start'; readonly there: LinkShape; readonly back: LinkShape; readonly seed: number }
  | { readonly kind: 'reshape'; readonly there: LinkShape; readonly back: LinkShape }
  | { readonly kind: 'report' };

export interface PumpReport {
  /** From left to right, and back. Packets are IP packets. */
  readonly there: DirectionReport;
  readonly back: DirectionReport;
  /** Packets that the kernel did not take back. */
  readonly refused: number;
  /** The longest time in which nothing was read. */
  readonly longestPauseMs: number;
  /** CPU time of the pump, the kernel's work for it included. */
  readonly cpuSeconds: number;
}

export type PumpAnswer =
  | { readonly ok: true; readonly report?: PumpReport }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };
