import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { XiaError } from 'xia-core';
import { PartProcess } from '../bench-transport/parts.js';
import type { Testbed } from '../xtestbed/index.js';
import type { BulkResult, FlowResult, LoadMessage, LoadOrder } from './load-messages.js';

/** A machine that has just moved, on a busy machine, may be slow to answer. */
const ANSWER_TIMEOUT_MS = 60_000;

/** A process with a node at a host of the testbed that sends something to a machine. */
export class Load implements AsyncDisposable {
  readonly #part: PartProcess;

  private constructor(part: PartProcess) {
    this.#part = part;
  }

  /** @throws XiaError `testbed-failed` when it cannot attach */
  static async start(testbed: Pick<Testbed, 'environment'>, host: string): Promise<Load> {
    const file = fileURLToPath(new URL('../../dist/bench-handover/load-process.js', import.meta.url));
    const env = { ...process.env, ...testbed.environment(host) };
    const load = new Load(new PartProcess(fork(file, [], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] }), 'load'));
    await load.#next('attached');
    return load;
  }

  /** Begins; returns when the first bytes are under way. @throws XiaError `testbed-failed` */
  async begin(order: LoadOrder): Promise<void> {
    const running = this.#next('running');
    this.#part.child.send(order);
    await running;
  }

  /** Ends what was begun, and tells what became of it. @throws XiaError `testbed-failed` */
  async end(kind: 'flow'): Promise<FlowResult>;
  async end(kind: 'bulk'): Promise<BulkResult>;
  async end(kind: 'flow' | 'bulk'): Promise<FlowResult | BulkResult> {
    const result = this.#next(kind);
    this.#part.child.send({ kind: 'stop' } satisfies LoadOrder);
    return (await result) as FlowResult | BulkResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#part.stop();
  }

  async #next(kind: LoadMessage['kind']): Promise<LoadMessage> {
    const message = once(this.#part.child, 'message').then(([value]) => value as LoadMessage);
    const came = await this.#part.orEnd(message, ANSWER_TIMEOUT_MS);
    if (came.kind === kind) return came;
    throw new XiaError('testbed-failed', `the load process said ${came.kind} in place of ${kind}`);
  }
}
