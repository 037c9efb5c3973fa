import type { EventListener, Program } from './program-log.js';

export interface PairListeners {
  readonly onSender: EventListener;
  readonly onReceiver: EventListener;
}

/** The two `xmigrate` programs of one migration, and how QEMU and they come together. */
export interface ProgramPair {
  readonly sender: Program;
  readonly receiver: Program;
  /**
   * Makes everything ready that can be before the source is told anything.
   * @throws XiaError `refused`, `timeout`, `interrupted`, `qmp-error`; the VM runs on at the source
   */
  prepare(): Promise<void>;
  /** Tells the source's QEMU to migrate. */
  start(): Promise<void>;
  /** Gives up a pair whose `prepare` or `start` failed, or lets go of one that is over. */
  close(): Promise<void>;
}
