import type { FileHandle } from 'node:fs/promises';

/**
 * Writes a cpio archive in the "newc" format, which is what the kernel unpacks as its first root file system
 * (Linux documentation, `driver-api/early-userspace/buffer-format`).
 *
 * All entries belong to root and have the time 0, so that equal contents give equal archives.
 */
export class CpioWriter {
  readonly #file: FileHandle;
  readonly #folders = new Set<string>();
  #inode = 1;

  /** @param file open for writing, at its start; stays open */
  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Adds a folder and those above it, once. `path` is relative to the root, without a leading slash. */
  async folder(path: string): Promise<void> {
    if (path === '' || this.#folders.has(path)) return;
    await this.folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    this.#folders.add(path);
    await this.#entry(path, 0o040755, new Uint8Array());
  }

  /** Adds a regular file; `mode` holds the permission bits. */
  async file(path: string, content: Uint8Array, mode = 0o644): Promise<void> {
    await this.folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    await this.#entry(path, 0o100000 | mode, content);
  }

  /** Writes the end mark. */
  async end(): Promise<void> {
    this.#inode = 0;
    await this.#entry('TRAILER!!!', 0, new Uint8Array());
  }

  async #entry(path: string, mode: number, content: Uint8Array): Promise<void> {
    await this.#file.writeFile(encodeCpioHeader(path, mode, this.#inode++, content.length));
    await this.#file.writeFile(content);
    await this.#file.writeFile(new Uint8Array(padding(content.length)));
  }
}

/** A newc header with the name behind it, padded to 4 bytes: 13 numbers of 8 hexadecimal digits after the magic. */
export function encodeCpioHeader(path: string, mode: number, inode: number, contentBytes: number): Buffer {
  const nameBytes = Buffer.byteLength(path) + 1;
  const links = (mode & 0o170000) === 0o040000 ? 2 : 1;
  // inode mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, contentBytes, 0, 0, 0, 0, nameBytes, 0];
  const digits = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  const header = Buffer.from(`070701${digits}${path}\0`);
  return Buffer.concat([header, Buffer.alloc(padding(header.length))]);
}

function padding(bytes: number): number {
  return (4 - (bytes % 4)) % 4;
}
