import type { Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { XIP_HEADER_BYTES, XIP_NODE_BYTES, type XipView } from '../wire/index.js';

const PLACES = 8;

/**
 * The source addresses seen last, so that the packets of one flow share one `Dag`: reading one costs more than all the rest
 * of receiving a packet.
 */
export class SourceMemo {
  readonly #dags = Array.from<Dag | undefined>({ length: PLACES });
  #next = 0;
  #used = 0;
  #replaced = 0;

  /** The source of a packet; undefined when it has none or it is not a DAG. */
  of(view: XipView): Dag | undefined {
    const start = XIP_HEADER_BYTES + view.destinationCount * XIP_NODE_BYTES;
    for (const dag of this.#dags) {
      if (dag !== undefined && dag.count === view.sourceCount && matches(view.bytes, start, dag.wire)) return dag;
    }
    const dag = view.trySourceDag();
    if (dag === undefined) return undefined;
    if (this.#dags[this.#next] === undefined) this.#used++;
    else this.#replaced++;
    this.#dags[this.#next] = dag;
    this.#next = (this.#next + 1) % PLACES;
    return dag;
  }

  gauges(): Gauge[] {
    const used = this.#used;
    return [{ name: 'remembered sources', unit: 'entries', used, highWater: used, bound: PLACES, refused: this.#replaced }];
  }
}

function matches(bytes: Uint8Array, start: number, wire: Uint8Array): boolean {
  // Addresses of one network begin alike, so the difference is looked for from the end.
  for (let index = wire.length - 1; index >= 0; index--) if (bytes[start + index] !== wire[index]) return false;
  return true;
}
