import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode } from 'xia-core';
import { readCounting } from './counting-kernel.js';
import { isRiddenThrough, type KillCase } from './matrix.js';
import { KillMove } from './move.js';
import { xmigrate, type Program } from './programs.js';
import type { KillBed } from './bed.js';

const TRIES = 3;
const ROUNDS_OF_ADVICE = 3;
const LOOK_AGAIN_MS = 20;
const RUNS_TIMEOUT_MS = 15_000;
const END_TIMEOUT_MS = 180_000;

/** How one case went. */
export interface KillResult extends KillCase {
  /** Where the guest runs at last; `lost` when the QEMU that had it was killed. */
  readonly end: 'source' | 'destination' | 'lost' | 'nowhere' | 'both';
  /** What both hosts had written down just before, and at the end. */
  readonly phases: readonly [string, string];
  /** Exit code of `xmigrate run`; undefined when that was killed. */
  readonly code: number | null | undefined;
  /** Its last word. */
  readonly word: string;
  /** What `xmigrate status` said to do that changed something. */
  readonly advice: readonly string[];
  /** From the fault until everything was quiet. */
  readonly tookMs: number;
  /** What is not as it has to be; empty when nothing. */
  readonly faults: readonly string[];
}

/** Makes one move and kills something in it, does what the programs say, and looks at what has become of the guest. */
export async function tryKill(bed: KillBed, kill: KillCase): Promise<KillResult> {
  for (let tries = 1; ; tries++) {
    await using move = await KillMove.start(bed, kill.way);
    // Where the machine has no time for the guest, QEMU is done with its memory before anybody has looked.
    const isReached = await move.reach(kill.moment);
    if (isReached || tries === TRIES) return await new Trial(kill, move).result(isReached);
  }
}

class Trial {
  readonly #kill: KillCase;
  readonly #move: KillMove;
  readonly #faults: string[] = [];

  constructor(kill: KillCase, move: KillMove) {
    this.#kill = kill;
    this.#move = move;
  }

  async result(isReached: boolean): Promise<KillResult> {
    const move = this.#move;
    const { victim, moment } = this.#kill;
    if (!isReached) this.#faults.push(`the moment never came: ${move.run?.text().trim() ?? ''}`);
    const before = move.phases();
    const beganMs = performance.now();
    const over = move.hit(this.#kill);
    // What is there again goes on to its end.
    void over.then(() => move.letGo());
    const code = victim === 'run' && moment !== 'after' ? undefined : await this.#runEnds(move.run);
    await over;
    for (const words of await move.quiet()) this.#faults.push(`still there: ${words}`);
    const tookMs = performance.now() - beganMs;
    const word = code === undefined || move.run === undefined ? '' : this.#lastWord(move.run, code);
    const advice = await this.#followAdvice();
    const end = await this.#look();
    // Whose run was killed has its disks tidied up by the next one.
    for (const machine of victim === 'run' ? [] : Object.values(move.machines)) this.#faults.push(...(await machine.diskLeftovers()));
    this.#judge(end, code);
    if (advice.length > 0 && code !== undefined && !word.includes('in doubt'))
      this.#faults.push(`run did not say that ${advice.join(', ')} was to be done`);
    return { ...this.#kill, end, phases: [before, move.phases()], code, word, advice, tookMs: Math.round(tookMs), faults: this.#faults };
  }

  async #runEnds(run: Program | undefined): Promise<number | null | undefined> {
    if (run === undefined) return undefined;
    const code = await Promise.race([run.ended, sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
    if (code === undefined) this.#faults.push('run does not end');
    return code;
  }

  /** The one line that says what happened. */
  #lastWord(run: Program, code: number | null): string {
    const lines = run
      .text()
      .split('\n')
      .filter((line) => line !== '' && !/^\d+\.\d+ s {2}/.test(line) && !line.startsWith('warning '));
    if (lines.length !== 1) this.#faults.push(`run said ${lines.length} lines: ${lines.join(' | ')}`);
    const codes: readonly (number | null)[] = [ExitCode.OK, ExitCode.FAILED, ExitCode.UNREACHABLE, ExitCode.REFUSED];
    if (!codes.includes(code)) this.#faults.push(`run left with ${code}`);
    return lines.at(-1) ?? '';
  }

  /** Does what `xmigrate status` says at both hosts, in turn, until it changes nothing. */
  async #followAdvice(): Promise<string[]> {
    const done: string[] = [];
    for (let round = 0; round < ROUNDS_OF_ADVICE; round++) {
      const before = await this.#picture();
      const commands: string[] = [];
      for (const end of ['a', 'b'] as const) commands.push(...(await this.#adviceAt(end)));
      if ((await this.#picture()) === before) return done;
      done.push(...commands);
    }
    this.#faults.push(`what status says to do changes something every time: ${done.join('; ')}`);
    return done;
  }

  async #adviceAt(end: 'a' | 'b'): Promise<string[]> {
    const state = this.#move.state(end);
    const status = xmigrate(this.#move.environment, ['status', '--vm', 'vm1', '--state', state, '--json']);
    await status.ended;
    if (status.text().startsWith('nothing is known') || status.text() === '') return [];
    const { phase, command, alive } = JSON.parse(status.text()) as { phase: string; command: string; alive: boolean };
    if (alive && command === '') this.#faults.push(`status takes a process for alive: ${status.text()}`);
    if (phase === 'failed') return this.#takeBack();
    if (command === '') return [];
    const words = command
      .replace('DESTINATION_DIR', this.#move.state('b'))
      .replace(/ SOCKET\b/, ` ${this.#move.machines[end].qmp}`)
      .split(' ')
      .slice(1);
    const mending = xmigrate(this.#move.environment, words);
    const code = await mending.ended;
    // One whose QEMU has gone cannot be told anything.
    const isGone = this.#move.machines[end].hasEnded;
    if (code !== ExitCode.OK && !isGone) this.#faults.push(`${command}: exit code ${code}, ${mending.text().trim()}`);
    return [`${words[0]} at ${end}`];
  }

  /** The destination's QEMU never ran what it was given: its status says, in words, what is to be done at the source. */
  async #takeBack(): Promise<string[]> {
    const { machines } = this.#move;
    const paths = { state: this.#move.state('a'), qmp: machines.a.qmp, 'peer-state': this.#move.state('b') };
    const words = Object.entries(paths).flatMap(([name, path]) => [`--${name}`, path]);
    const mending = xmigrate(this.#move.environment, ['resume', '--vm', 'vm1', ...words]);
    if ((await mending.ended) !== ExitCode.OK) this.#faults.push(`resume at a: ${mending.text().trim()}`);
    return ['resume at a'];
  }

  async #picture(): Promise<string> {
    const { a, b } = this.#move.machines;
    return [this.#move.phases(), await a.state(), await b.state()].join(' ');
  }

  /** Which of the two runs, and whether it does with everything that it had. */
  async #look(): Promise<KillResult['end']> {
    const { a, b } = this.#move.machines;
    const [here, there] = [await a.state(), await b.state()].map((state) => state === 'running');
    if (here && there) return 'both';
    const victim = this.#kill.victim;
    if (!here && !there) return victim === 'source-qemu' || victim === 'destination-qemu' ? 'lost' : 'nowhere';
    const story = () => readCounting(here ? a.console() : a.console() + b.console());
    const { rounds } = story();
    const deadline = performance.now() + RUNS_TIMEOUT_MS;
    while (story().rounds < rounds + 2 && performance.now() < deadline) await sleep(LOOK_AGAIN_MS);
    const { rounds: later, fault } = story();
    if (fault !== '') this.#faults.push(fault);
    if (later < rounds + 2) this.#faults.push('QEMU says that the guest runs, and it does not go on');
    if (here && b.console() !== '') this.#faults.push(`a second copy has run: ${b.console().slice(0, 40)}`);
    return here ? 'source' : 'destination';
  }

  #judge(end: KillResult['end'], code: number | null | undefined): void {
    const { victim } = this.#kill;
    const [source, destination] = this.#move.phases().split('/');
    const must = (holds: boolean, what: string) => void (holds || this.#faults.push(what));
    must(end !== 'both', 'both copies run');
    must(end !== 'nowhere', 'no copy runs');
    if (isRiddenThrough(this.#kill)) must(end === 'destination' && code === ExitCode.OK, 'it was not ridden through');
    if (end === 'destination') must(destination === 'running', `the guest runs at the destination, which says ${destination}`);
    if (end === 'source') must(source !== 'gone' && destination !== 'running', `the guest runs at the source: ${source}/${destination}`);
    if (code !== undefined && this.#kill.moment !== 'after')
      must((code === ExitCode.OK) === (end === 'destination'), `run left with ${code}`);
    // A copy may be lost only with the QEMU that had it.
    if (end === 'lost' && victim === 'source-qemu') must(destination !== 'running', 'the destination had it, and does not run it');
    if (end === 'lost' && victim === 'destination-qemu') must(destination === 'running', 'the source still had it');
    for (const name of this.#move.leftovers()) this.#faults.push(`left behind: ${name}`);
  }
}
