import { resolve } from 'node:path';
import {
  ControlServer,
  type Hangups,
  loadOrCreateIdentity,
  nodeCrypto,
  openLog,
  NameServerCore,
  SID_NAME_SERVICE,
  startFromOptions,
  XiaError,
} from 'xia-core';
import type { NameServerConfig } from './config.js';
import { LmdbRecordStore } from './lmdb-record-store.js';
import { recordView, type RecordView } from './record-view.js';
import { Reloader } from './reloader.js';

/** Names in one answer of the control socket. */
const LIST_PAGE = 500;

/** What the daemon tells the process that started it, as one JSON line on stdout. */
export interface ReadyLine {
  readonly ready: true;
  readonly name: string;
  readonly hid: string;
  readonly ad: string | null;
  /** The address to configure routers with. */
  readonly dag: string;
  readonly control: string;
}

/** How the configuration is read again, and who asks for it. */
export interface ReloadSource {
  readonly load: () => Promise<NameServerConfig>;
  readonly hangups: Hangups;
}

/**
 * Runs the name server until `signal` is aborted or the control socket says so.
 * @throws XiaError `bad-key`, `attach-timeout`, `already-running`
 */
export async function runDaemon(
  config: NameServerConfig,
  signal: AbortSignal,
  onReady: (line: ReadyLine) => void,
  { load, hangups }: ReloadSource,
): Promise<void> {
  let onHangup = (): void => {};
  hangups.handle(() => onHangup());
  const log = await openLog({ name: config.name, level: config.log.level, file: config.log.file });
  const { logger } = log;
  const stopped = new AbortController();
  const stop = AbortSignal.any([signal, stopped.signal]);
  await loadOrCreateIdentity(config.key);
  await using store = new LmdbRecordStore({
    path: resolve(config.data, 'records'),
    maxRecords: config.limits.records,
    onFault: (error) => logger.error({ err: error }, 'record store'),
  });
  await using node = await startFromOptions(
    {
      host: config.host,
      key: config.key,
      attachTimeout: config.attachTimeoutMs,
      ...(config.trust === undefined ? {} : { trust: config.trust }),
    },
    stop,
  );
  const socket = node.datagram(SID_NAME_SERVICE);
  const core = new NameServerCore({
    crypto: nodeCrypto,
    store,
    send: (destination, payload) => void socket.send(destination, payload),
    requestsPerSecond: config.limits.requestsPerSecond,
  });
  const reloader = new Reloader({ running: config, load, store, core, log });
  onHangup = () => void reloader.reload();
  socket.on('message', (payload, from) => core.handle(payload, from, performance.now(), Date.now()));
  node.on('move', () => logger.warn({ dag: socket.dag.toString() }, 'this name server has moved: tell the routers'));
  const place = () => ({
    hid: node.hid.toString(),
    ad: node.ad?.toString() ?? null,
    dag: socket.dag.toString(),
    control: config.control,
  });
  const describe = (): ReadyLine => ({ ready: true, name: config.name, ...place() });
  await using control = await ControlServer.listen(config.control, {
    info: () => ({ ...describe(), records: store.size, pid: process.pid }),
    counters: () => ({ nameServer: core.counters.toJSON(), node: node.stats() }),
    bounds: () => [...node.gauges(), ...core.gauges(), store.gauge(), ...control.gauges()],
    list: ({ after = '', limit = LIST_PAGE }) => listPage(store, after, limit),
    stop: () => stopped.abort(),
  });
  // The logger adds the name.
  logger.info({ ...place(), records: store.size }, 'listening');
  onReady(describe());
  await aborted(stop);
  logger.info('stopping');
}

function listPage(store: LmdbRecordStore, after: unknown, limit: unknown): { rows: RecordView[]; next: string | null } {
  if (typeof after !== 'string' || typeof limit !== 'number' || !(limit >= 1 && limit <= LIST_PAGE)) {
    throw new XiaError('bad-request', `list takes {after: text, limit: 1 to ${LIST_PAGE}}`);
  }
  const wallNow = Date.now();
  const rows: RecordView[] = [];
  let last: string | null = null;
  let count = 0;
  for (const [name, record] of store.entries(after, Math.floor(limit))) {
    const view = recordView(name, record, wallNow);
    if (view !== undefined) rows.push(view);
    last = name;
    count += 1;
  }
  return { rows, next: count === Math.floor(limit) ? last : null };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
}
