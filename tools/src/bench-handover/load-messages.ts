import type { Progress } from './throughput.js';

/** What a load process is told to do; it does it until it is told to stop. */
export type LoadOrder =
  | { readonly kind: 'flow'; readonly host: string; readonly flow: number; readonly intervalMs: number; readonly sizeBytes: number }
  | { readonly kind: 'bulk'; readonly host: string; readonly machineSends: boolean }
  | { readonly kind: 'stop' };

/** What became of a flow of datagrams. Wall-clock ms. */
export interface FlowResult {
  readonly kind: 'flow';
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  readonly lost: number;
  /** When those that are missing were sent; of very many gaps the first. */
  readonly missingSentMs: readonly number[];
}

export interface BulkResult {
  readonly kind: 'bulk';
  readonly samples: readonly Progress[];
}

export type LoadMessage = { readonly kind: 'attached' } | { readonly kind: 'running' } | FlowResult | BulkResult;
