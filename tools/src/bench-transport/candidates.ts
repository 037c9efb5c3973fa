import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { XiaError, type CongestionName } from 'xia-core';
import { freePorts } from '../xtestbed/free-ports.js';
import { startCommand, startEnd, type PartProcess, type StartOptions } from './parts.js';
import { startLink, startRouterPair, type Site } from './router-pair.js';
import { measureRate, measureTransfer, type TransferRun, type TransferSetup, type TransferSize } from './transfer.js';

const LOOPBACK_MTU = 65_507;

/** Something that carries bytes from one process to another, to be compared. */
export interface Candidate {
  readonly name: string;
  readonly run: (context: RunContext) => Promise<TransferRun>;
}

/** What a run needs beside the candidate itself. */
export interface RunContext extends StartOptions {
  /** Of the ends of ours; the default one if undefined. */
  readonly congestion?: CongestionName | undefined;
  /** For files, which nobody needs afterwards. */
  readonly folder: string;
  readonly size: TransferSize;
}

/** What is between two ends. */
export interface Path {
  readonly mtu: number;
  /** Of the ends; routers always use what there is. */
  readonly offload: 'auto' | 'off';
  readonly cacheBytes: number;
  /** An emulated link between the routers, as options of `xlink`. */
  readonly emulated?: readonly string[];
  /** The same between the receiver and its router. */
  readonly lastHop?: readonly string[];
  /** Where sender and receiver are, each with its router. */
  readonly sites?: readonly [Site, Site];
  /** Measures for so long instead of so many bytes, after so long. */
  readonly timed?: { readonly warmUpMs: number; readonly ms: number };
}

const LARGE: Path = { mtu: LOOPBACK_MTU, offload: 'auto', cacheBytes: 0 };

/** Ends whatever was started, also when starting fails half-way. */
export async function withParts(run: (add: <Part extends PartProcess>(part: Promise<Part>) => Promise<Part>) => Promise<TransferRun>) {
  const parts: PartProcess[] = [];
  try {
    return await run(async (starting) => {
      const part = await starting;
      parts.push(part);
      return part;
    });
  } finally {
    await Promise.all(parts.map((part) => part.stop()));
  }
}

async function overRouters(ends: 'chunk' | 'stream', argument: object, path: Path, context: RunContext): Promise<TransferRun> {
  const { folder, size, profileFolder } = context;
  const [near, far] = path.sites ?? [];
  return withParts(async (add) => {
    const pair = await startRouterPair({ folder: await mkdtemp(join(folder, 'pair-')), profileFolder, ...path });
    for (const part of [...pair.routers, pair.link]) if (part !== undefined) await add(Promise.resolve(part));
    const [r1, r2] = pair.routers;
    const attachment = { mtu: path.mtu, offload: path.offload, congestion: context.congestion, ...argument };
    const source = await add(startEnd(`${ends}-source`, { profileFolder, place: near?.place }, { ...attachment, router: pair.access[0] }));
    const [port] = await freePorts(1);
    const listen = `127.0.0.1:${port}`;
    const lastHop = path.lastHop === undefined ? undefined : await startLink(pair.access[1], listen, path.lastHop, { profileFolder });
    if (lastHop !== undefined) await add(Promise.resolve(lastHop.part));
    const sinkArgument = { ...attachment, listen, router: lastHop?.b ?? pair.access[1], source: source.address };
    const sink = await add(startEnd(`${ends}-sink`, { profileFolder, place: far?.place }, sinkArgument));
    const setup: TransferSetup = { source, sink, parts: { sender: source, 'router 1': r1, 'router 2': r2, receiver: sink } };
    return path.timed === undefined ? measureTransfer(setup, size) : measureRate(setup, path.timed);
  });
}

/** Encrypted chunks through two routers. */
export function chunks(name: string, path: Partial<Path> = {}): Candidate {
  return { name, run: (context) => overRouters('chunk', {}, { ...LARGE, ...path }, context) };
}

/** A STREAM through two routers, with TLS 1.3 unless `secure` is false. */
export function stream(name: string, secure: boolean, path: Partial<Path> = {}): Candidate {
  return { name, run: (context) => overRouters('stream', { secure }, { ...LARGE, ...path }, context) };
}

const LISTEN_TIMEOUT_MS = 5000;
/** How `/proc/net/tcp` writes the state of a socket that listens. */
const LISTENING = '0A';

/** Waits without connecting: this kind of relay takes one connection only. */
async function untilListening(port: number, part: PartProcess): Promise<void> {
  const address = `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${LISTENING}`;
  for (const begin = performance.now(); performance.now() - begin < LISTEN_TIMEOUT_MS; await delay(5)) {
    if ((await readFile('/proc/net/tcp', 'latin1')).includes(address)) return;
  }
  throw new XiaError('testbed-failed', `${part.name} does not listen on port ${port}`, { port });
}

/** Plain TCP between the same two processes, through two relays. @param options of socat, before its addresses */
export function socat(name: string, options: readonly string[]): Candidate {
  return {
    name,
    run: (context) =>
      withParts(async (add) => {
        const source = await add(startEnd('tcp-source', context));
        const [near, far] = (await freePorts(2)) as [number, number];
        const relay = async (port: number, to: string) => {
          const part = await add(startCommand('socat', [...options, `TCP-LISTEN:${port},bind=127.0.0.1`, `TCP:${to}`]));
          await untilListening(port, part);
          return part;
        };
        const first = await relay(near, source.address);
        const second = await relay(far, `127.0.0.1:${near}`);
        const sink = await add(startEnd('tcp-sink', context, { source: `127.0.0.1:${far}` }));
        return measureTransfer(
          { source, sink, parts: { sender: source, 'relay 1': first, 'relay 2': second, receiver: sink } },
          context.size,
        );
      }),
  };
}

/** Plain TCP between the same two processes, with nothing between. */
export function plainTcp(name: string): Candidate {
  return {
    name,
    run: (context) =>
      withParts(async (add) => {
        const source = await add(startEnd('tcp-source', context));
        const sink = await add(startEnd('tcp-sink', context, { source: source.address }));
        return measureTransfer({ source, sink, parts: { sender: source, receiver: sink } }, context.size);
      }),
  };
}
