import { EventEmitter } from 'node:events';
import { XiaError } from 'xia-core';
import { readDownward, type Downward, type GoMessage, type Upward } from './messages.js';
import { processLink, type ParentLink } from './parent-link.js';

interface ParentChannelEvents {
  message: [Downward];
  /** The parent is gone. */
  gone: [];
}

/** A program's side of the channel to the `xmigrate run` that has started it, or has taken it from a standby. */
export class ParentChannel extends EventEmitter<ParentChannelEvents> {
  /** Processor time in seconds that this process had used for other things before the channel was there. */
  readonly earlierCpuSeconds: number;
  readonly #link: ParentLink;
  readonly #gone = new AbortController();
  #go: GoMessage | undefined;
  #isClosed = false;

  /**
   * The channel of this process, where whoever started it says that there is one: other programs open channels too.
   * @throws XiaError `usage` when there is none
   */
  static ofThisProcess(isTold: boolean | undefined): ParentChannel | undefined {
    if (isTold !== true) return undefined;
    if (!process.connected) throw new XiaError('usage', '--under-run is for programs that "xmigrate run" starts');
    return new ParentChannel(processLink, 0);
  }

  constructor(link: ParentLink, earlierCpuSeconds: number) {
    super();
    this.#link = link;
    this.earlierCpuSeconds = earlierCpuSeconds;
    const hear = (value: unknown) => {
      const message = readDownward(value);
      if (message?.kind === 'go') this.#go = message;
      if (message !== undefined) this.emit('message', message);
    };
    link.listen(hear, () => {
      if (this.#isClosed) return;
      this.#gone.abort();
      this.emit('gone');
    });
  }

  get connected(): boolean {
    return this.#link.connected;
  }

  /** Aborted when the parent has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** What the parent said that this program may do; undefined before. */
  get go(): GoMessage | undefined {
    return this.#go;
  }

  /** Waits for the parent's word; undefined when it has gone, or the signal fires, before. */
  async untilGo(signal: AbortSignal): Promise<GoMessage | undefined> {
    if (this.#go !== undefined) return this.#go;
    const given = AbortSignal.any([signal, this.gone]);
    if (given.aborted) return undefined;
    return new Promise((resolve) => {
      const listener = (message: Downward) => message.kind === 'go' && end(message);
      const aborted = () => end(undefined);
      const end = (message: GoMessage | undefined) => {
        this.off('message', listener);
        given.removeEventListener('abort', aborted);
        resolve(message);
      };
      this.on('message', listener);
      given.addEventListener('abort', aborted, { once: true });
    });
  }

  /** The program has ended: that the parent goes now means nothing to it. */
  close(): void {
    this.#isClosed = true;
  }

  /** Says it unless the parent has gone. */
  say(message: Upward): void {
    this.#link.send(message);
  }
}
