import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { linkPresets, XiaError, type LinkPresetName, type LinkShape } from 'xia-core';
import { resolveCommand } from '../xtestbed/index.js';
import { addNamespace, ip, namespaceName, removeNamespace, removeStaleNamespaces, requireTunLab } from './namespaces.js';
import type { PumpReport } from './pump-messages.js';
import { PumpProcess } from './pump-process.js';
import { loadTunCalls } from './system-calls.js';

export interface TunLabOptions {
  /** A named link, or its two directions: from left to right, and back (the same when it is not given). */
  readonly link: LinkPresetName | { readonly there: LinkShape; readonly back?: LinkShape };
  /** Default 1. */
  readonly seed?: number;
  /** Of the interfaces, in bytes with IP headers. Default 1500, the most. */
  readonly mtu?: number;
  /** Ends the laboratory. */
  readonly signal?: AbortSignal;
}

/** One end of the link: a network namespace with one interface, whose packets go over the emulated link. */
export interface TunLabEnd {
  readonly namespace: string;
  /** Its IPv4 address, which the other end reaches. */
  readonly address: string;
  /** Starts a command there; a name of one of our programs is enough. It is ended with the laboratory. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
}

export interface TunLabReport extends PumpReport {
  /** Packets that the interfaces dropped because the emulation was not served in time: no part of it. */
  readonly missed: number;
}

export interface TunLab {
  readonly left: TunLabEnd;
  readonly right: TunLabEnd;
  report(): Promise<TunLabReport>;
  /** Other properties from now on. */
  reshape(there: LinkShape, back?: LinkShape): Promise<void>;
}

/** What `ip` tells of an interface. */
const linkSchema = v.tuple([v.looseObject({ stats64: v.looseObject({ tx: v.looseObject({ dropped: v.number() }) }) })]);

const MAX_MTU = 1500;
/** What a process that was asked to end has for it. */
const GRACE_MS = 3000;
/** So many packets wait at an interface while the pump is not served; the link's own queue is elsewhere. */
const INTERFACE_QUEUE_PACKETS = 20_000;

/**
 * Two network namespaces with one emulated link between them, for as long as `use` takes. What runs in them, the kernel's own TCP
 * or anything of ours, shares the link's rate and queue. Namespaces, interfaces and processes are gone afterwards, however it
 * ends; what a killed one has left is removed by the next.
 * @throws XiaError `missing-prerequisite` without root, tun, `ip` or koffi; `testbed-failed`; `interrupted` when the signal is aborted
 */
export async function withTunLab<Result>(options: TunLabOptions, use: (lab: TunLab) => Promise<Result>): Promise<Result> {
  const { signal, mtu = MAX_MTU, seed = 1 } = options;
  signal?.throwIfAborted();
  if (mtu > MAX_MTU) throw new XiaError('bad-argument', `an MTU of the laboratory is at most ${MAX_MTU}`, { mtu });
  await requireTunLab();
  await loadTunCalls();
  await removeStaleNamespaces();
  const { there, back } = directionsOf(options.link);
  const number = nextNumber++;
  const ends = (['left', 'right'] as const).map((side, index) => new End(side, index, number));
  const [left, right] = ends as [End, End];
  let pump: PumpProcess | undefined;
  try {
    pump = await PumpProcess.start(ends.map(({ namespace }) => namespace));
    for (const { namespace } of ends) await addNamespace(namespace);
    await pump.ask({ kind: 'open', names: [left.interfaceName, right.interfaceName] });
    for (const end of ends) await end.plugIn(mtu);
    await pump.ask({ kind: 'start', there, back, seed });
    const { ask } = pump;
    return await orAborted(
      use({
        left,
        right,
        report: async () => ({
          ...((await ask({ kind: 'report' })) as PumpReport),
          missed: (await left.missed()) + (await right.missed()),
        }),
        reshape: async (next, nextBack = next) => void (await ask({ kind: 'reshape', there: next, back: nextBack })),
      }),
      signal,
    );
  } finally {
    await Promise.all(ends.map((end) => end.stop()));
    await pump?.stop();
    await Promise.all(ends.map(({ namespace }) => removeNamespace(namespace)));
  }
}

/** Laboratories of one process are told apart, so that several may be there at a time. */
let nextNumber = 0;

function directionsOf(link: TunLabOptions['link']): { there: LinkShape; back: LinkShape } {
  if (typeof link === 'string') return linkPresets[link];
  return { there: link.there, back: link.back ?? link.there };
}

async function orAborted<Result>(result: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return result;
  const aborted = new Promise<never>((_resolve, reject) => {
    const give = () => reject(signal.reason as Error);
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
  // What is still under way fails when its processes are ended, and nobody waits for it any more.
  result.catch(() => {});
  return Promise.race([result, aborted]);
}

class End implements TunLabEnd {
  readonly namespace: string;
  readonly address: string;
  readonly interfaceName: string;
  readonly #children: ChildProcess[] = [];

  constructor(side: 'left' | 'right', index: number, number: number) {
    this.namespace = namespaceName(process.pid, number, side);
    this.address = `10.0.0.${index + 1}`;
    // At most 15 characters.
    this.interfaceName = `xl${process.pid % 10_000_000}${side[0]}${number % 1000}`;
  }

  /** Takes the interface of the pump into the namespace. */
  async plugIn(mtu: number): Promise<void> {
    const { namespace, interfaceName } = this;
    await ip('link', 'set', interfaceName, 'netns', namespace);
    await ip('-n', namespace, 'address', 'add', `${this.address}/24`, 'dev', interfaceName);
    await ip('-n', namespace, 'link', 'set', interfaceName, 'mtu', String(mtu), 'txqueuelen', String(INTERFACE_QUEUE_PACKETS), 'up');
  }

  async missed(): Promise<number> {
    const [shown] = v.parse(linkSchema, JSON.parse(await ip('-json', '-stats', '-n', this.namespace, 'link', 'show', this.interfaceName)));
    return shown.stats64.tx.dropped;
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const resolved = resolveCommand(command, args);
    const child = spawn('ip', ['netns', 'exec', this.namespace, resolved.file, ...resolved.args], options);
    this.#children.push(child);
    return child;
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        const timer = new AbortController();
        await Promise.race([exited, delay(GRACE_MS, undefined, { signal: timer.signal }).catch(() => {})]);
        timer.abort();
        if (child.exitCode === null && child.signalCode === null) {
          child.kill('SIGKILL');
          await exited;
        }
      }),
    );
  }
}
