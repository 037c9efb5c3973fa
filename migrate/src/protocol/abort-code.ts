/** Why a transfer ended without moving the VM. Sent in ABORT and shown to the operator. */
export const abortCodes = {
  busy: 'the destination is already receiving',
  cancelled: 'an operator cancelled the migration',
  'fetch-failed': 'the destination could not fetch a chunk',
  'input-failed': 'the source could not read the VM stream',
  integrity: 'a chunk or the whole stream is not what the source sent',
  internal: 'a defect in the program',
  'load-failed': 'the destination QEMU could not load the VM',
  'output-closed': 'the reader of the VM stream went away at the destination',
  'peer-lost': 'the other end went away or fell silent',
  protocol: 'the other end broke the protocol',
  'publish-failed': 'the source had no room to publish a chunk',
  refused: 'this peer may not send here',
  state: 'the state file could not be written',
  truncated: 'the VM stream ended before its end marker',
  version: 'the two ends share no protocol version',
  'wrong-vm': 'the destination waits for another VM',
} as const;

export type AbortCode = keyof typeof abortCodes;

/** All codes, in the order of the table. */
export const abortCodeNames = Object.keys(abortCodes) as readonly AbortCode[] as readonly [AbortCode, ...AbortCode[]];

/** How a transfer was aborted: the code, its words, and which end said so first. */
export interface Abortion {
  readonly code: AbortCode;
  readonly reason: string;
  readonly by: 'here' | 'peer';
}
