/** The way of a program to the `xmigrate run` that drives it. */
export interface ParentLink {
  readonly connected: boolean;
  /** Says it unless the parent has gone. */
  send(message: unknown): void;
  /** Both are called from now on; `gone` once. */
  listen(hear: (message: unknown) => void, gone: () => void): void;
}

/** The channel that Node opens between a process and the one that has started it. */
export const processLink: ParentLink = {
  get connected() {
    return process.connected;
  },
  send(message) {
    // A parent that dies in this moment is noticed by `disconnect`; the error of this one message says nothing more.
    if (process.connected) process.send?.(message, undefined, {}, () => undefined);
  },
  listen(hear, gone) {
    process.on('message', hear);
    process.once('disconnect', gone);
  },
};
