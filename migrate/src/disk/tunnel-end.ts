import type { XiaNode } from 'xia-core';
import { closeNode } from '../xmigrate/close-node.js';
import { startNode } from '../xmigrate/start-node.js';
import { Connections, say, StdinWords, type TunnelCommandOptions } from './tunnel-options.js';

/** How long the last bytes of connections that have ended may take to the other end. */
const DELIVERY_TIMEOUT_MS = 30_000;

/** What an end of a tunnel has while it is open. */
export interface TunnelEnd {
  readonly node: XiaNode;
  readonly words: StdinWords;
  readonly connections: Connections;
  /** Aborted when the tunnel is to end at once. */
  readonly signal: AbortSignal;
}

/** What an end does besides: both may be left out. */
export interface TunnelService {
  /** Rejects, or resolves, when the end cannot go on. */
  readonly over?: Promise<void>;
  readonly close?: () => void;
}

/**
 * Runs an end of a tunnel until the last of its connections has ended, or it is told to stop.
 * @param open begins to take connections
 */
export async function runTunnelEnd(
  options: TunnelCommandOptions,
  stop: AbortSignal,
  open: (end: TunnelEnd) => Promise<TunnelService>,
): Promise<void> {
  const words = new StdinWords();
  const signal = options.untilStdinEnds ? AbortSignal.any([stop, words.ended]) : stop;
  const connections = new Connections();
  const node = await startNode(options, signal);
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  let service: TunnelService | undefined;
  try {
    service = await open({ node, words, connections, signal });
    const ends = [connections.over, stopped, ...(service.over === undefined ? [] : [service.over])];
    if (!signal.aborted) await Promise.race(ends);
    say('ended', { reason: signal.aborted ? 'stopped' : 'every connection has ended' });
  } finally {
    service?.close?.();
    words.close();
    // What one end has written last may still be on its way to the other.
    if (!signal.aborted) await node.close({ deliveryTimeoutMs: DELIVERY_TIMEOUT_MS }).catch(() => undefined);
    else await closeNode(node);
  }
}
