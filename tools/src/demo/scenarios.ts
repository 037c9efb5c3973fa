/** What a demo does: a topology, and the moves of the VM from host to host. */
export interface Scenario {
  readonly name: string;
  readonly topology: string;
  readonly moves: readonly { readonly from: string; readonly to: string }[];
}

export const scenarios: readonly Scenario[] = [
  { name: 'inter-ad', topology: 'inter-ad', moves: [{ from: 'HOST_A', to: 'HOST_B' }] },
  { name: 'intra-ad', topology: 'intra-ad', moves: [{ from: 'HOST_A', to: 'HOST_B' }] },
  {
    name: 'ping-pong',
    topology: 'inter-ad',
    moves: [
      { from: 'HOST_A', to: 'HOST_B' },
      { from: 'HOST_B', to: 'HOST_A' },
    ],
  },
];

/** The host from which the clients watch. */
export const OBSERVER = 'HOST_C';
