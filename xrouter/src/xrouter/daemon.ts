import { readFile } from 'node:fs/promises';
import { ControlServer, createLogger, loadOrCreateIdentity, nodeViews, XiaError, XiaNode, type NodeView } from 'xia-core';
import type { NodeConfig } from './config.js';

/** What a daemon tells the process that started it, as one JSON line on stdout. */
export interface ReadyLine {
  readonly ready: true;
  readonly name: string;
  readonly hid: string;
  readonly ad: string | null;
  readonly dag: string;
  /** Face name -> the address that it really listens on. */
  readonly faces: Readonly<Record<string, string>>;
  readonly control: string | null;
}

async function readCertificate(file: string): Promise<Uint8Array> {
  try {
    return Buffer.from((await readFile(file, 'utf8')).trim(), 'base64');
  } catch (cause) {
    throw new XiaError('bad-key', `${file}: the AD's certificate cannot be read`, { file }, { cause });
  }
}

function isView(what: unknown): what is NodeView {
  return (nodeViews as readonly unknown[]).includes(what);
}

/**
 * Runs a router or host until `signal` is aborted; everything it opened is closed when it returns.
 * @throws XiaError `bad-key`, `address-in-use`, `already-running`, `attach-timeout`
 */
export async function runDaemon(config: NodeConfig, signal: AbortSignal, onReady: (line: ReadyLine) => void): Promise<void> {
  const logger = createLogger({ name: config.name, level: config.log.level, file: config.log.file });
  const identity = await loadOrCreateIdentity(config.key);
  const stopped = new AbortController();
  await using node = await XiaNode.start({
    identity,
    logger,
    role: config.role,
    faces: config.faces,
    principals: Object.values(config.principals),
    routes: config.routes,
    cache: config.cache,
    moves: config.moves,
    routing: config.routing,
    // A host that finds no router yet goes on looking: daemons may be started in any order.
    attachTimeoutMs: 0,
    signal: AbortSignal.any([signal, stopped.signal]),
    ...(config.trust === undefined ? {} : { trustedAds: config.trust }),
    ...(config.nameserver === undefined ? {} : { nameServer: config.nameserver }),
    ...(config.ad === undefined ? {} : { router: { certificate: await readCertificate(config.ad.certificate), beacon: config.beacon } }),
  });
  const info = () => ({
    name: config.name,
    role: config.role,
    hid: node.hid.toString(),
    ad: node.ad?.toString() ?? null,
    dag: node.dag().toString(),
    pid: process.pid,
    uptimeMs: Math.round(process.uptime() * 1000),
    rssBytes: process.memoryUsage.rss(),
  });
  const show = (params: Record<string, unknown>) => {
    if (!isView(params['what'])) throw new XiaError('bad-request', `show what? One of ${nodeViews.join(', ')}`);
    return node.show(params['what']);
  };
  const control =
    config.control === undefined ? undefined : await ControlServer.listen(config.control, { info, show, stop: () => stopped.abort() });
  try {
    const place = {
      hid: node.hid.toString(),
      ad: node.ad?.toString() ?? null,
      dag: node.dag().toString(),
      faces: node.faceAddresses(),
      control: control?.path ?? null,
    };
    // The logger adds the name.
    logger.info(place, 'listening');
    onReady({ ready: true, name: config.name, ...place });
    await untilAborted(AbortSignal.any([signal, stopped.signal]));
    logger.info('stopping');
  } finally {
    await control?.close();
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
