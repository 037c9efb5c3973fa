import { randomBytes } from 'node:crypto';
import { link, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { XiaError } from 'xia-core';
import { safeName } from './file-message.js';

/** Where a file that comes is to be: under a name that was given here, or in a folder under a safe form of its own. */
export interface FileDestination {
  readonly file?: string | undefined;
  readonly directory?: string | undefined;
  /** Whether a file that is there already may be replaced. */
  readonly force: boolean;
}

const exists = (path: string) => new XiaError('refused', `${path} exists already; --force replaces it`, { path });

/** A file that does not exist under its name until it is whole. */
export class FileTarget implements AsyncDisposable {
  readonly path: string;
  readonly #force: boolean;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #isOpen = true;

  private constructor(path: string, force: boolean, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#force = force;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /**
   * Opens a temporary file beside the one that is to be.
   * @param name what the peer calls it; counts in a folder only
   * @throws XiaError `refused` when it exists and may not be replaced, or is no file
   */
  static async open({ file, directory, force }: FileDestination, name: string): Promise<FileTarget> {
    const path = file ?? join(directory ?? '.', safeName(name));
    const there = await stat(path).catch(() => undefined);
    if (there !== undefined && !there.isFile()) throw new XiaError('refused', `${path} is there, and is no file`, { path });
    if (there !== undefined && !force) throw exists(path);
    const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.part`);
    return new FileTarget(path, force, temporary, await open(temporary, 'wx'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += (await this.#handle.write(bytes, at)).bytesWritten;
  }

  /** Gives the file its name, once all of it is on the disk. @throws XiaError `refused` when another one got the name meanwhile */
  async keep(): Promise<void> {
    await this.#handle.sync();
    await this.#close();
    if (this.#force) return rename(this.#temporary, this.path);
    // Unlike a rename, a link never replaces what is there.
    try {
      await link(this.#temporary, this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw exists(this.path);
      // No links on this file system.
      if ((await stat(this.path).catch(() => undefined)) !== undefined) throw exists(this.path);
      await rename(this.#temporary, this.path);
    }
  }

  /** Leaves nothing but a file that was kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await rm(this.#temporary, { force: true });
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }
}
