/** What an end of a transfer says once it can be used. */
export interface EndReady {
  /** Where its peer finds it: the address of a service, or a port. */
  readonly address: string;
}

/** Sent to the receiving end, then to the sending one: carry so many more bytes. */
export interface TransferOrder {
  readonly bytes: number;
}

/** What the receiving end says when the last byte has come. */
export interface TransferDone {
  readonly bytes: number;
  /** Pieces that differ from what was sent. */
  readonly wrong: number;
}
