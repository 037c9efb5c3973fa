import type { Abortion } from './abort-code.js';
import type { ChunkCipher, ContentSealer, RunningHash } from './chunk-cipher.js';
import type { TransferLimits } from './limits.js';
import type { LivenessOptions } from './liveness.js';

/** What the source writes down before it takes the step: `handed-over` before COMMITTED leaves, `running` when it takes back. */
export type SourceMark = 'handed-over' | 'running';

/** How a transfer ended for the source. `in-doubt`: given up, but nobody confirmed that the destination has it. */
export type SenderOutcome =
  | { readonly kind: 'handed-over'; readonly bytes: number; readonly chunks: number; readonly sha256: Uint8Array }
  | ({ readonly kind: 'aborted' } & Abortion)
  | { readonly kind: 'in-doubt'; readonly reason: string };

export type SenderEvent =
  /** HELLOs exchanged; chunks may flow within these limits. */
  | { readonly kind: 'ready'; readonly limits: TransferLimits; readonly chunkBytes: number }
  /** The whole input is offered; what follows is downtime. */
  | { readonly kind: 'input-sent'; readonly bytes: number; readonly chunks: number }
  /** The destination has everything; from here nobody can abort. */
  | { readonly kind: 'committing' }
  /** The VM is given up, and nothing has come from the destination for some time: said once. It is waited for on. */
  | { readonly kind: 'silent'; readonly silentMs: number }
  /** The stream was lost in the commit: open another to the same destination and call `streamOpened`, or `streamClosed`. */
  | { readonly kind: 'reconnect' }
  | { readonly kind: 'finished'; readonly outcome: SenderOutcome };

/** Where the machine puts what it wants done. Called from within its inputs; none may call back into the machine. */
export interface SenderSink {
  /** Bytes for the control stream. */
  send(bytes: Uint8Array): void;
  /**
   * Makes a sealed chunk fetchable; its 20-byte CID, or undefined when there is no room for it. The bytes may be kept,
   * nobody writes to them again.
   */
  publish(sequence: number, ciphertext: Uint8Array): Uint8Array | undefined;
  unpublish(cid: Uint8Array): void;
  /** Returns true when the mark is on disk. `reason` is empty or says why the attempt ended. */
  persist(mark: SourceMark, reason: string): boolean;
  onEvent(event: SenderEvent): void;
}

export interface SenderOptions {
  readonly vm: string;
  /** 16 random bytes: names this transfer when the source comes back on another stream. */
  readonly transfer: Uint8Array;
  readonly cipher: ChunkCipher;
  readonly hash: RunningHash;
  readonly sink: SenderSink;
  /** Seals the guest's pages such that what was moved before is recognised. Without it the stream is cut blindly. */
  readonly contents?: ContentSealer | undefined;
  readonly limits?: TransferLimits;
  /** Plain bytes per chunk. */
  readonly chunkBytes?: number;
  /** A chunk that is not full leaves when no input came for this long. */
  readonly flushAfterMs?: number;
  readonly liveness?: LivenessOptions;
  /** What this end cannot reach on its own side of the network, as a sentence; undefined while nothing is missing there. */
  readonly missingHere?: () => string | undefined;
  /**
   * Once the VM was given up: for how long after its last word the destination is looked for. As long as it may be waiting itself,
   * which is until it has missed the source and waited for a second stream: nobody is left to answer after that.
   */
  readonly decisionTimeoutMs?: number;
}
