/** What a process full of nodes is told. Addresses are ADDR:PORT of a router's access face. */
export type SwarmOrder =
  | { readonly kind: 'attach'; readonly count: number; readonly router: string }
  /** The first `count` nodes are plugged into another router, all at once. */
  | { readonly kind: 'move'; readonly count: number; readonly router: string }
  | { readonly kind: 'state' };

export interface SwarmAttached {
  readonly kind: 'attached';
}

/** How long each node took that moved, ms from when it was plugged in until the other router had accepted it; undefined: it did not come. */
export interface SwarmMoved {
  readonly kind: 'moved';
  readonly tookMs: readonly (number | undefined)[];
}

export interface SwarmState {
  readonly kind: 'state';
  /** Nodes that are attached now, by the HID of their router. */
  readonly attached: Readonly<Record<string, number>>;
  /** How often a node was without a place that was not told to move. */
  readonly detached: number;
}

export type SwarmMessage = { readonly kind: 'ready' } | SwarmAttached | SwarmMoved | SwarmState;
