import {
  captureHandler,
  loadOrCreateIdentity,
  nodeViews,
  openLog,
  PrincipalType,
  XiaError,
  XiaNode,
  Xid,
  type Hangups,
  type NodeView,
} from 'xia-core';
import { certificateBytes, readCertificate } from './certificate-file.js';
import type { NodeConfig } from './config.js';
import { ControlSockets } from './control-sockets.js';
import { guestHandler } from './guest-handler.js';
import { NodeTarget } from './node-target.js';
import { Reloader } from './reloader.js';

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

/** Where a daemon's configuration came from, and who tells it to read that again. */
export interface ReloadSource {
  readonly file: string;
  readonly hangups: Hangups;
}

function isView(what: unknown): what is NodeView {
  return (nodeViews as readonly unknown[]).includes(what);
}

/** The guest that a request is about. @throws XiaError `bad-request` */
function guestOf({ hid }: Record<string, unknown>): Xid {
  try {
    const xid = Xid.parse(String(hid));
    if (xid.type === PrincipalType.HID) return xid;
  } catch {
    // Said below.
  }
  throw new XiaError('bad-request', `"${String(hid)}" is not a HID`);
}

/**
 * Runs a router or host until `signal` is aborted; everything it opened is closed when it returns.
 * @throws XiaError `bad-key`, `address-in-use`, `already-running`, `attach-timeout`
 */
export async function runDaemon(
  config: NodeConfig,
  signal: AbortSignal,
  onReady: (line: ReadyLine) => void,
  { file, hangups }: ReloadSource,
): Promise<void> {
  let onHangup = (): void => void (wasHungUp = true);
  let wasHungUp = false;
  hangups.handle(() => onHangup());
  const log = await openLog({ name: config.name, level: config.log.level, file: config.log.file });
  const { logger } = log;
  const identity = await loadOrCreateIdentity(config.key);
  const certificate = config.ad === undefined ? undefined : await readCertificate(config.ad.certificate);
  const stopped = new AbortController();
  await using node = await XiaNode.start({
    identity,
    logger,
    role: config.role,
    faces: config.faces,
    principals: Object.values(config.principals),
    routes: config.routes,
    cache: config.cache,
    contentHash: config.contentHash,
    moves: config.moves,
    holding: config.holding,
    routing: config.routing,
    // A host that finds no router yet goes on looking: daemons may be started in any order.
    attachTimeoutMs: 0,
    signal: AbortSignal.any([signal, stopped.signal]),
    ...(config.trust === undefined ? {} : { trustedAds: config.trust }),
    ...(config.nameserver === undefined ? {} : { nameServer: config.nameserver }),
    ...(certificate === undefined ? {} : { router: { certificate: certificateBytes(certificate), beacon: config.beacon } }),
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
    // Of the node's own queues and tables, and of the socket that is just being asked by.
    if (params['what'] === 'bounds') return [...node.gauges(), ...controls.gauges()];
    return node.show(params['what']);
  };
  const reload = ({ dryRun }: Record<string, unknown>) => reloader.reload({ dryRun: dryRun === true });
  const fence = (params: Record<string, unknown>) => {
    node.fence(guestOf(params));
    return { fenced: true };
  };
  const unfence = (params: Record<string, unknown>) => ({ wasFenced: node.unfence(guestOf(params)) });
  await using controls = new ControlSockets(
    { info, show, reload, guest: guestHandler(node), fence, unfence, stop: () => stopped.abort() },
    { capture: captureHandler(node) },
  );
  const target = new NodeTarget(node, log, controls, config.faces);
  const ad = config.role === 'router' ? node.ad : undefined;
  const reloader = new Reloader({ file, running: { config, certificate }, identity, ad, target, log });
  if (config.control !== undefined) await controls.open(config.control);
  try {
    const place = {
      hid: node.hid.toString(),
      ad: node.ad?.toString() ?? null,
      dag: node.dag().toString(),
      faces: node.faceAddresses(),
      control: config.control ?? null,
    };
    // The logger adds the name.
    logger.info(place, 'listening');
    onReady({ ready: true, name: config.name, ...place });
    // Whatever comes of it is in the log. One too many is none too few: those that wait have yet to read the file.
    onHangup = () => void reloader.reload().catch(() => {});
    if (wasHungUp) onHangup();
    await untilAborted(AbortSignal.any([signal, stopped.signal]));
    logger.info('stopping');
  } finally {
    await reloader.settled();
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
