import { configDifferences, valueText, XiaError, type NameServerCore, type ReopenableLog } from 'xia-core';
import type { NameServerConfig } from './config.js';
import type { LmdbRecordStore } from './lmdb-record-store.js';

/**
 * What can be changed while the name server runs: the limits and the log. All else says who and where it is; that needs a
 * restart, which costs no name, as all of them are on disk.
 */
export const reloadRules: Readonly<Record<string, 'limits' | 'log' | 'restart'>> = {
  name: 'restart',
  host: 'restart',
  key: 'restart',
  trust: 'restart',
  data: 'restart',
  control: 'restart',
  attachTimeoutMs: 'restart',
  'limits.records': 'limits',
  'limits.requestsPerSecond': 'limits',
  'log.level': 'log',
  'log.file': 'log',
};

export interface ReloaderOptions {
  readonly running: NameServerConfig;
  /** Reads the configuration again, with what the command line said in its place. */
  readonly load: () => Promise<NameServerConfig>;
  readonly store: Pick<LmdbRecordStore, 'limit'>;
  readonly core: Pick<NameServerCore, 'limitRequests'>;
  readonly log: ReopenableLog;
}

/** Takes a changed configuration over, as a whole or not at all, and opens the log's file anew. It is all in the log. */
export class Reloader {
  readonly #options: ReloaderOptions;
  #running: NameServerConfig;
  #isBusy = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#running = options.running;
  }

  /** Reads the configuration again. While that is being done, asking once more changes nothing. */
  async reload(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const { logger } = this.#options.log;
    try {
      // Even if the new configuration is bad: whoever has renamed the log's file waits for it to be let go.
      this.#options.log.reopen(this.#running.log);
      logger.info({ changes: this.#apply(await this.#options.load()) }, 'reloaded');
    } catch (error) {
      logger.error({ code: (error as XiaError).code, reason: (error as Error).message }, 'reload refused');
    } finally {
      this.#isBusy = false;
    }
  }

  #apply(next: NameServerConfig): string[] {
    const { core, store, log } = this.#options;
    const differences = configDifferences({ ...this.#running }, { ...next }, reloadRules);
    const refused = differences.filter(({ rule }) => rule === undefined || rule === 'restart').map(({ path }) => path);
    if (refused.length > 0) throw new XiaError('refused', `${refused.join(', ')}: this needs a restart`, { paths: refused });
    // The only part that can fail comes first.
    log.reopen(next.log);
    store.limit(next.limits.records);
    core.limitRequests(next.limits.requestsPerSecond);
    this.#running = next;
    return differences.map(({ path, from, to }) => `${path}: ${valueText(from)} -> ${valueText(to)}`);
  }
}
