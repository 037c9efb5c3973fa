import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { XiaError } from '../bytes/index.js';

/** Linux keeps a UNIX socket's path in 108 bytes, the last of them zero. */
const MAX_PATH_BYTES = 107;

/**
 * Listens on a UNIX socket that only this user can connect to. A socket file that a dead process left is removed; one
 * that somebody answers on, and a file of another kind, are left alone. Closing the server removes the file.
 * @throws XiaError `address-in-use`, `bad-config` when the path is too long or leads to a file of another kind, `face-failed`
 * for what the system refuses
 */
export async function listenUnix(server: Server, path: string): Promise<void> {
  checkUnixPath(path);
  try {
    await listen(server, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw refused(path, cause);
    await removeStaleSocket(path);
    try {
      await listen(server, path);
    } catch (again) {
      throw refused(path, again);
    }
  }
}

/** @throws XiaError `bad-config` for a path that is too long */
export function checkUnixPath(path: string): void {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return;
  throw new XiaError('bad-config', `${path}: the path of a UNIX socket has at most ${MAX_PATH_BYTES} bytes`, { path });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      server.removeListener('error', settle).removeListener('listening', settle);
      if (error === undefined) resolve();
      else reject(error);
    };
    server.once('error', settle).once('listening', settle);
    // The mode is narrowed before the socket exists, not after: nobody can slip in between.
    const umask = process.umask(0o177);
    try {
      server.listen(path);
    } finally {
      process.umask(umask);
    }
  });
}

/**
 * Removes the socket file that a dead process left.
 * @throws XiaError `address-in-use` when somebody answers there, `bad-config` for a file of another kind, `face-failed`
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const isSocket = await lstat(path).then(
    (status) => status.isSocket(),
    () => true, // gone in the meantime
  );
  if (!isSocket) {
    throw new XiaError('bad-config', `${path}: a file that is not a socket is in the way`, { path });
  }
  if (await isAnswered(path)) {
    throw new XiaError('address-in-use', `${path}: another program is listening on this socket`, { path });
  }
  await unlink(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw refused(path, cause);
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Only a refusal proves that nobody is there; whatever else it is, the file is not ours to remove.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}

function refused(path: string, cause: unknown): XiaError {
  const { code, message } = cause as NodeJS.ErrnoException;
  // Node says EACCES for a missing directory too, on every system.
  const reason = code === 'EACCES' ? 'its directory does not exist, or this user may not write to it' : message;
  return new XiaError(code === 'EADDRINUSE' ? 'address-in-use' : 'face-failed', `${path}: cannot listen: ${reason}`, { path }, { cause });
}
