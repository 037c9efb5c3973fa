/**
 * The states of a node's attachment:
 *
 *                 chosen                 accepted
 *     searching ----------> binding -----------------> bound
 *       ^   ^                |  ^  \                    |  |
 *       |   |      lost      |  |   `- refused: binding |  | accepted, refused: bound (a renewal)
 *       |   `----------------'  `-----------------------'  |
 *       |                               chosen (a move)    |
 *       `--------------------------------------------------'
 *                               lost
 *
 *     any state -- leave --> leaving -- accepted, refused, lost --> off
 *     (searching leaves to off at once: there is nobody to tell)
 */
export type AttachmentState = 'searching' | 'binding' | 'bound' | 'leaving' | 'off';

export type AttachmentInput =
  /** An access point was picked, another one than the present if there is one. */
  | 'chosen'
  /** The gateway accepted the binding that is waited for. */
  | 'accepted'
  | 'refused'
  /** The access point fell silent, or the gateway did. */
  | 'lost'
  | 'leave';

/** The state after `input`. An input that means nothing in a state leaves it as it is. */
export function nextAttachmentState(state: AttachmentState, input: AttachmentInput): AttachmentState {
  switch (state) {
    case 'searching':
      if (input === 'chosen') return 'binding';
      return input === 'leave' ? 'off' : state;
    case 'binding':
      if (input === 'accepted') return 'bound';
      if (input === 'lost') return 'searching';
      return input === 'leave' ? 'leaving' : state;
    case 'bound':
      if (input === 'chosen') return 'binding';
      if (input === 'lost') return 'searching';
      return input === 'leave' ? 'leaving' : state;
    case 'leaving':
      return input === 'accepted' || input === 'refused' || input === 'lost' ? 'off' : state;
    case 'off':
      return state;
  }
}
