import { setTimeout as sleep } from 'node:timers/promises';
import { hostDag, type AttachmentInfo, type MobilityEvent, type XiaNode } from 'xia-core';
import type { TransferReport } from './transfer-report.js';

const ECHOES = 5;
const SPACING_MS = 200;

/** What the node of an end of a migration lacks, on its own side of the network. */
type Loss = 'host' | 'router';

export interface AttachmentWatchOptions {
  readonly node: XiaNode;
  readonly end: 'source' | 'destination';
  /** ADDR:PORT of the XIA host that the node is attached to. */
  readonly host: string;
  /** Is told what is missing as soon as that is known, and when the node is attached again. */
  readonly report: Pick<TransferReport, 'event'>;
}

/**
 * Knows whether an end of a migration that hears nothing of the other one has lost the network itself. A host that has no router
 * lets its programs hear no beacon either, so it is asked by echoes whether it is there: at once, while it still knows this node.
 */
export class AttachmentWatch implements Disposable {
  readonly #options: AttachmentWatchOptions;
  #lost: { what: Loss } | undefined;
  readonly #onMobility = (event: MobilityEvent) => {
    if (event.kind === 'detached') void this.#detached(event.attachment);
    else if (event.kind === 'attached') this.#attached();
  };

  constructor(options: AttachmentWatchOptions) {
    this.#options = options;
    options.node.on('mobility', this.#onMobility);
  }

  /** What cannot be reached on this side, as a sentence; undefined while the node is attached. */
  fault(): string | undefined {
    if (this.#lost === undefined) return undefined;
    const { end, host } = this.#options;
    return `the ${end}'s XIA host at ${host} ${this.#lost.what === 'host' ? 'does not answer' : 'has lost its router'}`;
  }

  close(): void {
    this.#options.node.off('mobility', this.#onMobility);
    this.#lost = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #attached(): void {
    if (this.#lost === undefined) return;
    this.#lost = undefined;
    const { node, host, report } = this.#options;
    report.event('attached', { hid: node.hid.toString(), dag: node.dag().toString() }, `attached at ${host} again`);
  }

  async #detached({ ad, router, accessPoint }: AttachmentInfo): Promise<void> {
    const lost = { what: 'host' as Loss };
    this.#lost = lost;
    if (!router.equals(accessPoint)) {
      await using echo = this.#options.node.echo();
      echo.on('reply', ({ kind }) => kind === 'reply' && (lost.what = 'router'));
      for (let sequence = 0; sequence < ECHOES && this.#lost === lost && lost.what === 'host'; sequence++) {
        echo.send(hostDag(ad, accessPoint), { sequence });
        await sleep(SPACING_MS, undefined, { ref: false });
      }
    }
    const reason = this.#lost === lost ? this.fault() : undefined;
    if (reason !== undefined) this.#options.report.event('detached', { reason }, reason);
  }
}
