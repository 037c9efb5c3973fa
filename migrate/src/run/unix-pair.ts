import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Dag, PrincipalType, XiaError } from 'xia-core';
import type { Order } from '../channel/index.js';
import { listenIncoming, startOutgoing } from '../machine/index.js';
import type { QmpClient } from '../qemu/index.js';
import { ChildProgram } from './child-program.js';
import type { DrivenProgram } from './driven-program.js';
import { ownXmigrate, type RunMigrationOptions } from './migration-plan.js';
import { receiveWords, sendWords } from './program-arguments.js';
import { refusedIncoming } from './refused-incoming.js';
import { errorCodeOf, type EventListener, type Program } from './program-log.js';
import type { PairListeners, ProgramPair } from './program-pair.js';
import { StandbyProgram } from './standby-program.js';

/** The source dials for 20 s, and the destination may first wait 12 s for a stream that was given up. */
const LISTEN_TIMEOUT_MS = 45_000;
/** For an end without a word, which no event tells. */
const LOOK_AGAIN_MS = 100;

/**
 * Programs that this process starts, or takes from a standby, before either QEMU is told anything: attached, connected to each other, and each with a private
 * UNIX socket for its QEMU. Each accepts the other's identity and nobody else's.
 */
export class UnixPair implements ProgramPair {
  readonly sender: DrivenProgram;
  readonly receiver: DrivenProgram;
  readonly #options: RunMigrationOptions;
  readonly #source: QmpClient;
  readonly #destination: QmpClient;
  readonly #runs: boolean;
  readonly #said = new Map<string, Readonly<Record<string, unknown>>>();
  readonly #waiting = new Set<() => void>();

  constructor(options: RunMigrationOptions, source: QmpClient, destination: QmpClient, runs: boolean, listeners: PairListeners) {
    this.#options = options;
    this.#source = source;
    this.#destination = destination;
    this.#runs = runs;
    const { vm, eventsDirectory } = options;
    if (eventsDirectory !== undefined) mkdirSync(eventsDirectory, { recursive: true });
    const stamp = Date.now();
    const path = (end: string, suffix: string) =>
      eventsDirectory === undefined ? undefined : resolve(join(eventsDirectory, `${vm}.${end}.${stamp}.${suffix}`));
    const noted =
      (end: string, listener: EventListener): EventListener =>
      (event, fields) => {
        this.#said.set(`${end} ${event}`, fields);
        listener(event, fields);
        for (const wake of this.#waiting) wake();
      };
    const program = (role: Order['role'], qmp: QmpClient, onEvent: EventListener): DrivenProgram => {
      const [side, wordsOf] = role === 'send' ? [options.source, sendWords] : [options.destination, receiveWords];
      const words = [...wordsOf(options, path(role, 'jsonl')), '--under-run', '--qmp', resolve(qmp.path)];
      const stderr = path(role, 'stderr');
      if (side.standby !== undefined) return new StandbyProgram(resolve(side.standby), { role, words }, qmp, noted(role, onEvent), stderr);
      return new ChildProgram([...(options.xmigrate ?? ownXmigrate()), role, ...words], qmp, noted(role, onEvent), stderr);
    };
    this.receiver = program('recv', destination, listeners.onReceiver);
    this.sender = program('send', source, listeners.onSender);
  }

  async prepare(): Promise<void> {
    const [listening, attached] = await Promise.all([this.#until('recv listening'), this.#until('send attached')]);
    const to = String(listening['dag']);
    const destination = Dag.parse(to).find(PrincipalType.HID)?.toString() ?? '';
    this.receiver.go({ allow: [String(attached['hid'])], runs: this.#runs });
    await this.#until('recv allowing');
    this.sender.go({ to, allow: [destination], runs: this.#runs });
    await Promise.all([this.#until('recv ready'), this.#until('send ready')]);
  }

  async start(): Promise<void> {
    const { signal } = this.#options;
    await listenIncoming(this.#destination, this.#socketOf('recv'), signal).catch(refusedIncoming);
    await startOutgoing(this.#source, this.#socketOf('send'));
  }

  /** Nothing stays behind: a program that is still there is told to stop, and finishes what it has to by itself. */
  async close(): Promise<void> {
    const programs = [this.sender, this.receiver];
    for (const program of programs) program.stop();
    await Promise.all(programs.map((program) => program.left()));
    for (const program of programs) program.close();
    for (const end of ['send', 'recv']) {
      const socket = this.#said.get(`${end} ready`)?.['socket'];
      if (typeof socket === 'string') await rm(dirname(socket), { recursive: true, force: true });
    }
  }

  #socketOf(end: string): string {
    return String(this.#said.get(`${end} ready`)?.['socket']);
  }

  /** Waits until a program has said something. */
  async #until(what: string): Promise<Readonly<Record<string, unknown>>> {
    const { signal, listenTimeoutMs = LISTEN_TIMEOUT_MS } = this.#options;
    const deadline = performance.now() + listenTimeoutMs;
    for (;;) {
      const said = this.#said.get(what);
      if (said !== undefined) return said;
      if (signal?.aborted) throw new XiaError('interrupted', 'stopped before the migration began');
      this.#checkQemu(this.#destination, 'destination');
      this.#checkQemu(this.#source, 'source');
      this.#checkAlive(this.receiver, 'destination');
      this.#checkAlive(this.sender, 'source');
      if (performance.now() > deadline) throw this.#late(what, listenTimeoutMs);
      await this.#somethingNew();
    }
  }

  #late(what: string, timeoutMs: number): XiaError {
    const missing = this.#missing;
    if (missing !== undefined) return new XiaError('unreachable', missing);
    return new XiaError('timeout', `no "${what}" within ${timeoutMs} ms`);
  }

  get #missing(): string | undefined {
    return this.sender.missingThere ?? this.receiver.missingThere;
  }

  /** Before the programs, which end with it. */
  #checkQemu({ closed }: QmpClient, end: string): void {
    if (closed) throw new XiaError('qemu-failed', `the ${end}'s QEMU has ended`);
  }

  #checkAlive(program: Program, end: string): void {
    if (!program.isOver) return;
    const { summary } = program;
    if (summary === undefined) throw new XiaError('program-failed', `xmigrate at the ${end} ${program.fate}`);
    const code = errorCodeOf(summary);
    // An end that has lost the network itself knows more than one that hears nothing of it.
    const nearer = code === 'unreachable' ? this.#missing : undefined;
    throw new XiaError(code, nearer ?? `xmigrate at the ${end} ended: ${summary.reason}`);
  }

  /** The next event of either program, or a little later. */
  async #somethingNew(): Promise<void> {
    await new Promise<void>((done) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        done();
      };
      const timer = setTimeout(wake, LOOK_AGAIN_MS);
      this.#waiting.add(wake);
    });
  }
}
