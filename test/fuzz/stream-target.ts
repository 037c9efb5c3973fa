import { SeededRandom, type ConnectionHandle } from 'xia-core';
import { STREAM_SERVICE, StreamWorld, type StreamEnd } from './stream-world.js';
import type { Runner, Target } from './target.js';

/** What an application does within an event: of so many choices, most do nothing. */
const CHOICES_IN_EVENT = 16;

class StreamRunner implements Runner {
  readonly #rng: SeededRandom;
  readonly #world: StreamWorld;
  #last = new Uint8Array(0);

  constructor(rng: SeededRandom) {
    this.#rng = rng;
    const corruption = rng.below(3) === 0 ? 0.05 : 0;
    this.#world = new StreamWorld(rng, { loss: rng.unit() * 0.2, duplication: rng.unit() * 0.2, jitterMs: rng.below(30), corruption });
    for (const end of this.#world.ends) {
      this.#listen(end);
      end.onEvent = ({ kind, connection }) => {
        if (kind !== 'closed') this.#use(end, connection, rng.below(CHOICES_IN_EVENT));
      };
    }
  }

  step(): void {
    const rng = this.#rng;
    const world = this.#world;
    const end = world.ends[rng.below(2)]!;
    const connection = [...end.talks.keys()][rng.below(Math.max(1, end.talks.size))];
    switch (rng.below(13)) {
      case 0:
        end.connect();
        break;
      case 1:
        if (rng.below(6) === 0) end.move();
        else if (rng.below(4) === 0) end.endpoint.addressChanged(world.now);
        break;
      case 2:
        if (rng.below(8) === 0) this.#listen(end);
        else if (rng.below(7) === 0) world.weather.loss = rng.below(4) === 0 ? 1 : rng.unit() * 0.3;
        break;
      case 3:
        this.#repeat(end);
        break;
      case 4:
        world.run(rng.below(30) === 0 ? rng.below(12_000) : rng.below(400));
        break;
      case 5:
      case 6:
        world.run(rng.below(20));
        break;
      default:
        if (connection !== undefined) this.#use(end, connection, rng.below(8));
    }
    const faults = world.faults();
    if (faults.length > 0) throw new Error(faults.join('\n'));
  }

  last(): Uint8Array {
    return this.#last;
  }

  faults(): string[] {
    return this.#world.finish();
  }

  /** Listens anew: with a backlog that is soon full, and with tokens asked for never, sometimes or always. */
  #listen({ endpoint }: StreamEnd): void {
    endpoint.unlisten(STREAM_SERVICE);
    if (this.#rng.below(8) === 0) return;
    endpoint.listen(STREAM_SERVICE, { backlog: 1 + this.#rng.below(4), retryFrom: [0, 1, Infinity][this.#rng.below(3)]! });
  }

  #use(end: StreamEnd, connection: ConnectionHandle, choice: number): void {
    const rng = this.#rng;
    const { now } = this.#world;
    if (!end.talks.has(connection)) return;
    if (choice < 3) end.write(connection, rng.below(rng.below(4) === 0 ? 8000 : 300));
    else if (choice < 6) end.read(connection, 1 + rng.below(5000));
    else if (choice === 6 && rng.below(6) === 0) connection.end(now);
    else if (choice === 7 && rng.below(12) === 0) connection.reset(256 + rng.below(2 ** 31), now);
  }

  /** A packet of a while ago once more, sometimes changed, or noise. Where texts are compared, only what is no forgery. */
  #repeat({ endpoint }: StreamEnd): void {
    const rng = this.#rng;
    const { sent, weather, now, ends } = this.#world;
    const from = sent[rng.below(Math.max(1, sent.length))];
    const bytes = from === undefined || rng.below(4) === 0 ? rng.bytes(rng.below(100)) : from.slice();
    if (weather.corruption > 0 && bytes.length > 0) bytes[rng.below(bytes.length)] = rng.below(256);
    this.#last = bytes.slice();
    const source = ends[rng.below(2)]!.dag(STREAM_SERVICE);
    endpoint.handlePacket(bytes, source, STREAM_SERVICE, now, 1, 1);
  }
}

/** Two STREAM endpoints: everything that applications, the link and time can do, in any order. */
export const streamTarget: Target = {
  name: 'stream',
  batch: 600,
  start: (rng) => new StreamRunner(rng),
  replay: (bytes) => {
    const world = new StreamWorld(new SeededRandom(1), { loss: 0, duplication: 0, jitterMs: 0, corruption: 0 });
    for (const end of world.ends) end.endpoint.handlePacket(bytes.slice(), world.other(end).dag(STREAM_SERVICE), STREAM_SERVICE, 0);
    world.finish();
  },
};
