import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import { execUri, migrateIn, setMigrationCapabilities, type QmpClient } from '../qemu/index.js';
import type { RunMigrationOptions } from './migration-plan.js';
import { receiveArguments, sendArguments } from './program-arguments.js';
import { ProgramFollower } from './program-follower.js';
import { errorCodeOf } from './program-log.js';
import type { PairListeners, ProgramPair } from './program-pair.js';
import { refusedIncoming } from './refused-incoming.js';

/** How long a program that is told to stop may take to start and to end. */
const END_TIMEOUT_MS = 5_000;

/** No shell stays between QEMU and the program, so that each notices when the other has gone. */
const inPlaceOfTheShell = (argv: readonly string[]) => execUri(['exec', ...argv]);

/** Programs that the two QEMUs start (`exec:`), followed by the events that they write into files. */
export class ExecPair implements ProgramPair {
  readonly sender: ProgramFollower;
  readonly receiver: ProgramFollower;
  readonly #options: RunMigrationOptions;
  readonly #source: QmpClient;
  readonly #destination: QmpClient;
  readonly #folder: string;
  readonly #more: readonly string[];
  readonly #paths: { readonly send: string; readonly recv: string };
  #dag: string | undefined;

  static async open(
    options: RunMigrationOptions,
    source: QmpClient,
    destination: QmpClient,
    runs: boolean,
    listeners: PairListeners,
  ): Promise<ExecPair> {
    const folder = options.eventsDirectory ?? (await mkdtemp(join(tmpdir(), 'xmigrate-')));
    await mkdir(folder, { recursive: true });
    return new ExecPair(options, source, destination, runs, listeners, folder);
  }

  private constructor(
    options: RunMigrationOptions,
    source: QmpClient,
    destination: QmpClient,
    runs: boolean,
    { onSender, onReceiver }: PairListeners,
    folder: string,
  ) {
    this.#options = options;
    this.#source = source;
    this.#destination = destination;
    this.#folder = folder;
    this.#more = runs ? [] : ['--paused'];
    const stamp = Date.now();
    this.#paths = {
      send: join(folder, `${options.vm}.send.${stamp}.jsonl`),
      recv: join(folder, `${options.vm}.recv.${stamp}.jsonl`),
    };
    this.sender = new ProgramFollower(this.#paths.send, onSender);
    this.receiver = new ProgramFollower(this.#paths.recv, (event, fields) => {
      if (event === 'listening' && typeof fields['dag'] === 'string') this.#dag = fields['dag'];
      onReceiver(event, fields);
    });
  }

  async prepare(): Promise<void> {
    const { signal, listenTimeoutMs = 30_000 } = this.#options;
    const receive = inPlaceOfTheShell([...receiveArguments(this.#options, this.#paths.recv), ...this.#more]);
    await migrateIn(this.#destination, receive, signal).catch(refusedIncoming);
    const deadline = performance.now() + listenTimeoutMs;
    while (this.#dag === undefined) {
      const { summary } = this.receiver;
      if (summary !== undefined) throw new XiaError(errorCodeOf(summary), `the destination cannot listen: ${summary.reason}`);
      const isClosed = this.#destination.closed;
      if (signal?.aborted || isClosed || performance.now() > deadline) {
        await this.receiver.end(END_TIMEOUT_MS);
        if (signal?.aborted) throw new XiaError('interrupted', 'stopped before the migration began');
        if (isClosed) throw new XiaError('qemu-failed', "the destination's QEMU has ended");
        throw new XiaError('timeout', `the destination's xmigrate did not listen within ${listenTimeoutMs} ms; see its QEMU's stderr`);
      }
      await sleep(10);
    }
  }

  async start(): Promise<void> {
    await setMigrationCapabilities(this.#source, { events: true });
    const send = [...sendArguments(this.#options, this.#paths.send, this.#dag ?? ''), ...this.#more];
    await this.#source.execute('migrate', { uri: inPlaceOfTheShell(send) });
  }

  async close(): Promise<void> {
    this.receiver.stop();
    this.sender.close();
    this.receiver.close();
    if (this.#options.eventsDirectory === undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}
