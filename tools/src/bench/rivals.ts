import { findProgram } from 'xmigrate';
import { Disposals } from '../common/disposals.js';
import type { BenchMode } from './modes.js';
import { SshServer } from './ssh-server.js';
import { TlsCertificates } from './tls-certificates.js';

/** What QEMU's own ways to move a guest need beside QEMU, and which of them cannot be had here. */
export class Rivals implements AsyncDisposable {
  readonly ssh: SshServer | undefined;
  readonly tls: TlsCertificates | undefined;
  /** Why a mode cannot be measured. */
  readonly missing: ReadonlyMap<BenchMode, string>;
  readonly #things: Disposals;

  private constructor(ssh: SshServer | undefined, tls: TlsCertificates | undefined, missing: Map<BenchMode, string>, things: Disposals) {
    this.ssh = ssh;
    this.tls = tls;
    this.missing = missing;
    this.#things = things;
  }

  /** Starts and makes what the modes need; never fails but by the signal. */
  static async prepare(modes: readonly BenchMode[], signal: AbortSignal): Promise<Rivals> {
    const things = new Disposals();
    const missing = new Map<BenchMode, string>();
    const attempt = async <T extends AsyncDisposable>(names: readonly BenchMode[], start: () => Promise<T>): Promise<T | undefined> => {
      const wanted = names.filter((name) => modes.includes(name));
      if (wanted.length === 0) return undefined;
      try {
        return things.use(await start());
      } catch (error) {
        signal.throwIfAborted();
        for (const name of wanted) missing.set(name, (error as Error).message);
        return undefined;
      }
    };
    const ssh = await attempt(['ssh', 'sshGcm'], async () => SshServer.start(signal));
    const tls = await attempt(['tls'], async () => TlsCertificates.create(signal));
    if (modes.includes('socat') && (await findProgram('socat')) === undefined)
      missing.set('socat', 'socat is not installed (apt-get install socat)');
    return new Rivals(ssh, tls, missing, things);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#things[Symbol.asyncDispose]();
  }
}
