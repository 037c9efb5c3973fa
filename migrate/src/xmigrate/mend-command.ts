import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { XiaError } from 'xia-core';
import {
  isProcessAlive,
  OwnershipFile,
  refuseWhileBusy,
  resolveOwnership,
  sweepPrivateFolders,
  withOwnershipLock,
  type OwnershipRecord,
  type PeerKnowledge,
  type Resolution,
} from '../state/index.js';
import { answerSource, askDestination } from './ask-peer.js';
import { closeNode } from './close-node.js';
import { MendMachine } from './mend-machine.js';
import { addMendOptions, type MendOptions } from './mend-options.js';
import { startNode } from './start-node.js';
import { fenceOf } from './transfer-options.js';

type Wish = 'resume' | 'abort';

const STOP_TIMEOUT_MS = 20_000;
const LOOK_AGAIN_MS = 20;

/** Asks a transfer that is under way to stop. After its commit it goes on to its end all the same. */
async function stopTransfer({ pid, phase }: OwnershipRecord): Promise<void> {
  if (pid === process.pid || !isProcessAlive(pid) || !isXmigrate(pid)) return;
  // A worker of a standby outlives its transfers, and may be in one of another VM.
  if (isStandbyWorker(pid) && (phase === 'running' || phase === 'gone')) return;
  process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isProcessAlive(pid) && performance.now() < deadline) await sleep(LOOK_AGAIN_MS);
}

/** A process id is given again after a while: what it is now must not be ended. */
function isXmigrate(pid: number): boolean {
  return commandLine(pid).includes('xmigrate');
}

function isStandbyWorker(pid: number): boolean {
  return /\0standby\0--worker\0/.test(commandLine(pid));
}

/** Its words end with a zero byte each. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** One VM on this host, brought to where exactly one copy of it runs. */
class Mending {
  readonly #options: MendOptions;
  readonly #wish: Wish;
  readonly #file: OwnershipFile;
  readonly #signal: AbortSignal;

  constructor(options: MendOptions, wish: Wish, signal: AbortSignal) {
    this.#options = options;
    this.#wish = wish;
    this.#file = new OwnershipFile(options.state, options.vm);
    this.#signal = signal;
  }

  /** Returns what happened, in one line. */
  async mend(): Promise<string> {
    sweepPrivateFolders('qemu');
    sweepPrivateFolders('disk');
    const record = this.#read();
    if (this.#wish === 'abort') await stopTransfer(record);
    return withOwnershipLock(this.#file.path, async () => {
      const own = this.#read();
      refuseWhileBusy(own, this.#file);
      await using machine = await MendMachine.open(this.#options.qmp, own);
      const isLoaded = own.role === 'destination' && own.phase === 'received' && (await machine.isLoaded());
      let resolution = resolveOwnership(own, this.#peer(own), this.#wish, isLoaded);
      if (resolution.verdict === 'ask' && this.#options.host !== undefined) resolution = await this.#ask(own, resolution);
      if (resolution.verdict === 'ask') {
        throw new XiaError(
          'refused',
          `${resolution.why}: give --peer-state, or --host${own.role === 'source' ? ' and --to' : ' and --answer'}`,
        );
      }
      if (resolution.verdict === 'refuse') throw new XiaError('refused', resolution.why);
      const said = await this.#apply(own, resolution, machine);
      if (this.#options.answer === true && own.role === 'destination' && own.phase !== 'received') await this.#answer(own);
      return `${resolution.why}; ${said}`;
    });
  }

  #read(): OwnershipRecord {
    const record = this.#file.read();
    if (record !== undefined) return record;
    throw new XiaError('refused', `nothing is known of ${this.#options.vm} in ${this.#options.state}: no migration touched it`);
  }

  #peer(own: OwnershipRecord): PeerKnowledge {
    const { peerState, vm } = this.#options;
    if (peerState === undefined) return { kind: 'unknown' };
    const file = new OwnershipFile(peerState, vm);
    const record = file.read();
    if (record === undefined || record.transfer !== own.transfer) return { kind: 'unknown' };
    refuseWhileBusy(record, file);
    return { kind: 'record', record };
  }

  async #ask(own: OwnershipRecord, unanswered: Resolution): Promise<Resolution> {
    if (own.role === 'destination') {
      // Both the question and the decision are the source's COMMITTED.
      await this.#answer(own);
      return { verdict: 'run', why: `the source has given ${own.vm} up` };
    }
    const node = await startNode(this.#options, this.#signal);
    try {
      const to = this.#options.to ?? own.peer;
      const answer = await askDestination(node, to, own.vm, own.transfer, this.#limit());
      if (answer.kind === 'unanswered') throw new XiaError('unreachable', `${unanswered.why}: ${answer.reason}`);
      return resolveOwnership(own, { kind: 'answer', answer: answer.kind }, this.#wish, false);
    } finally {
      await closeNode(node);
    }
  }

  async #answer(own: OwnershipRecord): Promise<void> {
    const node = await startNode(this.#options, this.#signal);
    const decide = () => {
      const phase = this.#file.read()?.phase;
      if (phase === 'received') this.#file.write({ role: 'destination', phase: 'running' });
      if (phase === 'received' || phase === 'running') return { kind: 'taken' } as const;
      return { kind: 'aborted', reason: `${own.vm} never ran at the destination` } as const;
    };
    const listening = (dag: string) => void process.stderr.write(`waiting for the source's question about ${own.vm} at ${dag}\n`);
    try {
      await answerSource(node, own.vm, own.transfer, decide, listening, this.#limit());
    } finally {
      await closeNode(node);
    }
  }

  #limit(): AbortSignal {
    return AbortSignal.any([this.#signal, AbortSignal.timeout(this.#options.wait * 1000)]);
  }

  async #apply(own: OwnershipRecord, { verdict, write, peerWrite, why }: Resolution, machine: MendMachine): Promise<string> {
    const { peerState = '', vm } = this.#options;
    if (peerWrite !== undefined) {
      const theirs = new OwnershipFile(peerState, vm);
      await withOwnershipLock(theirs.path, async () => {
        const record = theirs.read();
        if (record?.phase === 'running') throw new XiaError('refused', `the destination has just taken ${vm}`);
        theirs.write(peerWrite, { reason: why });
      });
    }
    if (write !== undefined) this.#file.write(write, { reason: why });
    const fence = fenceOf(this.#options, (reason) => void process.stderr.write(`the host was not told: ${reason}\n`));
    if (verdict === 'run') fence?.lift();
    else if (own.role === 'source') fence?.raise();
    const said = verdict === 'run' ? await machine.run(own) : await machine.hold(own.role);
    await fence?.settled();
    return said;
  }
}

function mendCommand(name: Wish, description: string, help: string, signal: AbortSignal): Command {
  return addMendOptions(new Command(name).description(description))
    .addHelpText('after', help)
    .action(async (options: MendOptions) => {
      process.stdout.write(`${await new Mending(options, name, signal).mend()}\n`);
    });
}

/** `xmigrate resume`: finishes a migration that broke off. */
export function resumeCommand(signal: AbortSignal): Command {
  const help = `
By what both hosts have written down, never by guessing; twice is as good as once. Where only the other side can decide it says so
and changes nothing (exit code 5).

Examples:
  xmigrate resume --vm vm1 --state state-a --qmp a.qmp --peer-state state-b
  xmigrate resume --vm vm1 --host 127.0.0.1:7002 --answer
  xmigrate resume --vm vm1 --host 127.0.0.1:7001 --to "RE AD:... HID:... SID:..."`;
  return mendCommand('resume', 'finish a migration that broke off, so that exactly one copy of the VM runs', help, signal);
}

/** `xmigrate abort`: stops a migration, or leaves one that broke off at the source where that is still possible. */
export function abortCommand(signal: AbortSignal): Command {
  const help = `
Stops a transfer that is under way on this host. After the commit it changes nothing (exit code 5): move the VM back instead.

Example:
  xmigrate abort --vm vm1 --state state-b --qmp b.qmp`;
  return mendCommand('abort', 'stop a migration and leave the VM at the source, where that is still possible', help, signal);
}
