import { FROM_FACE, FROM_SELF, ForwardingEngine, LOCAL_FACE, PrincipalType, XipView, type SeededRandom, Xid } from 'xia-core';
import { realHeaders } from './corpus.js';
import { Mutator } from './mutator.js';
import type { Runner, Target } from './target.js';

const ID_BYTES = 20;

/** An engine that knows some of the identifiers of the packets, as its own or elsewhere. */
function engineFor(packets: readonly Uint8Array[], rng: SeededRandom): ForwardingEngine {
  const engine = new ForwardingEngine({ salt: rng.below(0x1_0000_0000), maxRoutes: 200 });
  const view = new XipView();
  for (const packet of packets) {
    if (view.reset(packet) !== undefined) continue;
    for (let node = 0; node < view.destinationCount; node++) {
      const at = view.nodeIdOffset(node);
      const xid = new Xid(view.nodeType(node), packet.slice(at, at + ID_BYTES));
      if (!engine.types().includes(xid.type)) continue;
      const dice = rng.below(4);
      if (dice === 0) engine.setLocal(xid);
      else if (dice === 1) engine.route(xid, { face: 1 + rng.below(3), neighbour: rng.below(3) });
    }
  }
  if (rng.below(2) === 0) engine.table(PrincipalType.AD).setDefault(1, 1);
  return engine;
}

class EngineRunner implements Runner {
  readonly #view = new XipView();
  readonly #mutator: Mutator;
  readonly #engine: ForwardingEngine;
  readonly #rng: SeededRandom;
  readonly #last = new Uint8Array(4096);
  #lastBytes = 0;
  #wellFormed = 0;

  constructor(rng: SeededRandom) {
    this.#rng = rng;
    const headers = realHeaders();
    this.#mutator = new Mutator(rng, () => headers[rng.below(headers.length)]!);
    this.#engine = engineFor(headers, rng);
  }

  step(): void {
    const packet = this.#mutator.packet();
    // The engine writes to the packet; this is what it was before.
    this.#last.set(packet);
    this.#lastBytes = packet.length;
    this.#wellFormed += forward(this.#view, this.#engine, packet, this.#rng.below(8));
  }

  last(): Uint8Array {
    return this.#last.subarray(0, this.#lastBytes);
  }

  faults(): string[] {
    const { hairpins: _hairpins, ...counters } = this.#engine.counters();
    const counted = Object.values(counters).reduce((sum, count) => sum + count, 0);
    return counted === this.#wellFormed ? [] : [`${this.#wellFormed} packets were decided about, ${counted} are counted`];
  }
}

/** Returns how often the engine decided: a node at which a packet has arrived hands it on. */
function forward(view: XipView, engine: ForwardingEngine, packet: Uint8Array, dice: number): number {
  if (view.reset(packet) !== undefined) return 0;
  if (dice === 0) engine.forward(view, LOCAL_FACE, FROM_SELF);
  else engine.forward(view, dice & 3, FROM_FACE);
  if (view.last >= view.destinationCount || view.packetBytes > packet.length) throw new Error('the view says what is not so');
  if (dice === 1) view.trySourceDag();
  if (dice === 2) view.tryDestinationDag();
  return 1;
}

/** The header check and the walk over the graph. */
export const engineTarget: Target = {
  name: 'engine',
  batch: 100_000,
  start: (rng) => new EngineRunner(rng),
  replay: (bytes) => {
    for (let dice = 0; dice < 4; dice++) forward(new XipView(), new ForwardingEngine(), bytes.slice(), dice);
  },
};
