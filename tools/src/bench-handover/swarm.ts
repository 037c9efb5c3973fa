import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { XiaError } from 'xia-core';
import { PartProcess } from '../bench-transport/parts.js';
import type { SwarmAttached, SwarmMessage, SwarmMoved, SwarmOrder, SwarmState } from './swarm-messages.js';

const ANSWER_TIMEOUT_MS = 300_000;

/** Processes full of nodes, which share them evenly. */
export class Swarm implements AsyncDisposable {
  readonly #parts: PartProcess[] = [];

  /** @throws XiaError `testbed-failed` */
  static async start(processes: number): Promise<Swarm> {
    const swarm = new Swarm();
    const file = fileURLToPath(new URL('../../dist/bench-handover/swarm-process.js', import.meta.url));
    for (let number = 0; number < processes; number++)
      swarm.#parts.push(new PartProcess(fork(file, [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] }), `swarm ${number + 1}`));
    await Promise.all(swarm.#parts.map(async (part) => next(part, 'ready')));
    return swarm;
  }

  /** Starts so many nodes and waits until a router has accepted each. */
  async attach(count: number, router: string): Promise<void> {
    await this.#ask<SwarmAttached>((share) => ({ kind: 'attach', count: share, router }), 'attached', count);
  }

  /** Moves so many nodes to another router, all at once, and waits until each is there. Ms, undefined for one that did not arrive. */
  async move(count: number, router: string): Promise<(number | undefined)[]> {
    const answers = await this.#ask<SwarmMoved>((share) => ({ kind: 'move', count: share, router }), 'moved', count);
    // What is undefined comes as null between processes.
    return answers.flatMap(({ tookMs }) => tookMs.map((took) => took ?? undefined));
  }

  /** Nodes that are attached, by the HID of their router, and how often one was without a place that was not told to move. */
  async state(): Promise<{ readonly attached: ReadonlyMap<string, number>; readonly detached: number }> {
    const answers = await this.#ask<SwarmState>(() => ({ kind: 'state' }), 'state', 0);
    const attached = new Map<string, number>();
    for (const answer of answers)
      for (const [router, count] of Object.entries(answer.attached)) attached.set(router, (attached.get(router) ?? 0) + count);
    return { attached, detached: answers.reduce((sum, answer) => sum + answer.detached, 0) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#parts.map(async (part) => part.stop()));
  }

  async #ask<Answer extends SwarmMessage>(orderFor: (share: number) => SwarmOrder, kind: Answer['kind'], count: number): Promise<Answer[]> {
    const { length } = this.#parts;
    return Promise.all(
      this.#parts.map(async (part, index) => {
        const answer = next(part, kind);
        part.child.send(orderFor(Math.floor((count + index) / length)));
        return (await answer) as Answer;
      }),
    );
  }
}

async function next(part: PartProcess, kind: SwarmMessage['kind']): Promise<SwarmMessage> {
  const message = once(part.child, 'message').then(([value]) => value as SwarmMessage);
  const came = await part.orEnd(message, ANSWER_TIMEOUT_MS);
  if (came.kind === kind) return came;
  throw new XiaError('testbed-failed', `${part.name} said ${came.kind} in place of ${kind}`);
}
