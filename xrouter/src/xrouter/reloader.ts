import { certifiedAd, principals, XiaError, type NodeIdentity, type ReopenableLog, type Xid } from 'xia-core';
import { certificateBytes, readCertificate } from './certificate-file.js';
import { loadNodeConfig, type NodeConfig } from './config.js';
import { applySteps, type ReloadTarget } from './reload-apply.js';
import { reloadPlan, type LoadedConfig, type ReloadPlan } from './reload-plan.js';
import { changeText, type Change } from './reload-rules.js';

/** Reloads that may wait for the one that is being done. */
const MOST_WAITING = 8;

export interface ReloaderOptions {
  /** The configuration file, read again at every reload. */
  readonly file: string;
  readonly running: LoadedConfig;
  readonly identity: NodeIdentity;
  /** The router's AD; undefined for a host. */
  readonly ad: Xid | undefined;
  readonly target: ReloadTarget;
  readonly log: ReopenableLog;
}

/** What a reload did, or would do. */
export interface ReloadReport {
  readonly file: string;
  readonly dryRun: boolean;
  readonly changes: readonly (Change & { readonly text: string })[];
}

/** A line for each change. */
export function reportText({ changes, dryRun }: ReloadReport): string {
  if (changes.length === 0) return 'nothing differs';
  return [dryRun ? 'would change:' : 'changed:', ...changes.map(({ text }) => `  ${text}`)].join('\n');
}

/** Takes changes of the configuration file over, one reload after the other, each of them whole or not at all. */
export class Reloader {
  readonly #options: ReloaderOptions;
  #running: LoadedConfig;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#running = options.running;
  }

  /** The configuration that the daemon runs by. */
  get config(): NodeConfig {
    return this.#running.config;
  }

  /**
   * Reads the file and takes over what differs; the log's file is opened anew in any case. It is all in the log.
   * @param options.dryRun only says what would be done
   * @throws XiaError `bad-config`, `bad-key`; `refused` for what needs a restart; what a face or socket failed with
   */
  async reload({ dryRun = false }: { readonly dryRun?: boolean } = {}): Promise<ReloadReport> {
    if (this.#waiting >= MOST_WAITING) throw new XiaError('limit-reached', 'too many reloads are waiting', { waiting: this.#waiting });
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#reload(dryRun));
    this.#last = turn.catch(() => {}).then(() => (this.#waiting -= 1));
    return turn;
  }

  /** Resolves when no reload is under way. */
  async settled(): Promise<void> {
    await this.#last;
  }

  async #reload(dryRun: boolean): Promise<ReloadReport> {
    const { file, log, target } = this.#options;
    // Even if the new configuration is bad: whoever has renamed the log's file waits for it to be let go.
    if (!dryRun) this.#reopenLog();
    const added = { ...this.#running.config.principals };
    try {
      const next = await this.#load(added);
      const plan = reloadPlan(this.#running, next);
      const changes = plan.changes.map((change) => ({ ...change, text: changeText(change) }));
      if (dryRun) return { file, dryRun, changes };
      await applySteps(plan.steps, target);
      this.#running = next;
      log.logger.info({ changes: changes.map(({ text }) => text) }, 'reloaded');
      return { file, dryRun, changes };
    } catch (error) {
      const { message, code } = error as XiaError;
      if (!dryRun) log.logger.error({ file, code, reason: message }, 'reload refused');
      throw error;
    } finally {
      // The names of types are for the whole process: those that nothing uses may be given to others.
      for (const name of Object.keys(added)) if (!Object.hasOwn(this.#running.config.principals, name)) principals.remove(name);
    }
  }

  #reopenLog(): void {
    const { log } = this.#options;
    try {
      log.reopen(this.#running.config.log);
    } catch (error) {
      log.logger.warn({ reason: (error as Error).message }, 'the log cannot be opened anew');
    }
  }

  /** Reads and checks everything that the new configuration consists of. `added` learns the principal types that it names. */
  async #load(added: Record<string, number>): Promise<LoadedConfig> {
    const { file, identity, ad } = this.#options;
    const config = await loadNodeConfig(file);
    Object.assign(added, config.principals);
    refuseRestarts(file, reloadPlan(this.#running, { config, certificate: this.#running.certificate }));
    if (config.ad === undefined) return { config, certificate: undefined };
    const certificate = await readCertificate(config.ad.certificate);
    const certified = certifiedAd(certificateBytes(certificate), identity);
    if (ad?.equals(certified) !== true) {
      const message = `${file}: ad.certificate: it is of another AD, ${certified.toString()}, and that needs a restart`;
      throw new XiaError('refused', message, { file });
    }
    return { config, certificate };
  }
}

/** @throws XiaError `refused` naming every key that cannot be changed in a running daemon */
function refuseRestarts(file: string, { refused }: ReloadPlan): void {
  if (refused.length === 0) return;
  const lines = refused.map((change) => `${file}: ${changeText(change)}: this needs a restart`);
  throw new XiaError('refused', lines.join('\n'), { file, paths: refused.map(({ path }) => path) });
}
