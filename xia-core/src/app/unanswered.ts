import { connect } from 'node:net';
import { XiaError } from '../bytes/index.js';

/** What the system says when one connects, in words; with any other error somebody is there, who speaks another way. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not connect to that socket',
  ECONNREFUSED: 'nobody listens on that socket',
  ENOENT: 'there is no such socket',
  ENOTDIR: 'there is no such socket',
  ENOTSOCK: 'that is no socket',
};

/** An `attach-timeout` with the reason why nobody answers on a UNIX socket, where the system knows it; any other error as it is. */
export async function withSocketReason(error: unknown, path: string): Promise<unknown> {
  if (!(error instanceof XiaError) || error.code !== 'attach-timeout') return error;
  const reason = await new Promise<string | undefined>((resolve) => {
    const probe = connect(path);
    probe.once('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(reasons[code]));
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
  });
  if (reason === undefined) return error;
  return new XiaError(error.code, `${error.message}; unix:${path}: ${reason}`, { ...error.context, path }, { cause: error });
}
