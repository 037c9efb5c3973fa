import { LiveCapture } from '../xdump/live-capture.js';
import { factsOf, type PacketFacts } from './packet-facts.js';
import type { SeenPacket } from './sightings.js';

/** A patch with its two statements fits. */
const SNAPLEN = 2500;

export interface WatchOptions {
  /** As `CaptureFilter`. */
  readonly filter: string;
  /** Returns whether it has seen enough: what is captured costs the daemon some of the time that is being measured. */
  readonly onPacket: (seen: SeenPacket, facts: PacketFacts) => boolean;
}

/** Watches the packets of a daemon until enough was seen, or until it is ended. */
export class PacketWatch implements AsyncDisposable {
  readonly #done = new AbortController();
  readonly #run: Promise<unknown>;

  private constructor(live: LiveCapture, onPacket: WatchOptions['onPacket']) {
    this.#run = live
      .run(Infinity, this.#done.signal, async ({ bytes, ...seen }) => {
        const facts = this.#done.signal.aborted ? undefined : factsOf(bytes);
        if (facts !== undefined && onPacket(seen, facts)) this.#done.abort();
      })
      .finally(() => live[Symbol.dispose]());
  }

  /** @param control the daemon's control socket; @throws XiaError as `LiveCapture.begin` */
  static async begin(control: string, { filter, onPacket }: WatchOptions): Promise<PacketWatch> {
    return new PacketWatch(await LiveCapture.begin(control, { filter, snaplen: SNAPLEN }), onPacket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#done.abort();
    await this.#run;
  }
}
