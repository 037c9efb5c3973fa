import { InvalidArgumentError, Option, type Command } from 'commander';
import { XiaError } from '../bytes/index.js';
import { generateIdentity, loadIdentity } from '../io/index.js';
import { XiaNode, type XiaNodeOptions } from '../node/index.js';
import { PrincipalType, Xid } from '../xid/index.js';
import { attachAddress, attachFace, socketPath } from './attach-address.js';
import { withSocketReason } from './unanswered.js';

/** What `addAttachOptions` adds to `command.opts()`. */
export interface AttachOptions {
  readonly host?: string;
  readonly key?: string;
  readonly trust?: readonly Xid[];
  readonly attachTimeout?: number;
  readonly json?: boolean;
}

const DEFAULT_ATTACH_TIMEOUT_MS = 10_000;

function collectAds(text: string, previous: readonly Xid[] = []): Xid[] {
  const ads = text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map((part) => {
      try {
        const xid = Xid.parse(part);
        if (xid.type === PrincipalType.AD) return xid;
      } catch {
        // Said below.
      }
      throw new InvalidArgumentError(`"${part}" is not an AD (AD: and 40 hex digits).`);
    });
  return [...previous, ...ads];
}

/** What is told of the host, such as in the files of a VM, holds in every folder. */
function absoluteSocket(host: string): string {
  return socketPath(host) === undefined ? host : attachAddress(host);
}

/** A commander parser of whole numbers within bounds. */
export function integerArgument(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text.trim()) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`A whole number from ${minimum} to ${maximum} is needed.`);
  };
}

/** A commander parser of decimal numbers within bounds. */
export function numberArgument(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`A number from ${minimum} to ${maximum} is needed.`);
  };
}

/**
 * The options of every program that attaches to a host: `--host`, `--key`, `--trust`, `--attach-timeout`, `--json`.
 *
 * @param program.json false for a program that prints JSON or nothing anyway
 * @param program.keyDefault which key it uses when none is given, for the help
 */
export function addAttachOptions(
  command: Command,
  { json = true, keyDefault = 'a fresh one' }: { readonly json?: boolean; readonly keyDefault?: string } = {},
): Command {
  command
    .addOption(
      new Option('--host <addr:port>', 'the access face of the XIA host to attach to; unix:PATH for a UNIX socket')
        .env('XIA_HOST')
        .argParser(absoluteSocket),
    )
    .addOption(new Option('--key <file>', `PEM file of the identity (default: ${keyDefault})`).env('XIA_KEY'))
    .addOption(new Option('--trust <ads>', 'the ADs to believe, separated by commas (default: any)').env('XIA_TRUST').argParser(collectAds))
    .addOption(
      new Option('--attach-timeout <ms>', 'how long to wait for the host')
        .default(DEFAULT_ATTACH_TIMEOUT_MS)
        .argParser(integerArgument(1, 600_000)),
    );
  return json ? command.option('--json', 'one JSON object a line on stdout') : command;
}

/**
 * Starts this process' node as those options say and waits until it is attached.
 *
 * @param signal gives up the waiting. A node that has started is the caller's to close: after Ctrl-C there may be answers to
 * wait for, or a peer to say goodbye to.
 * @param limits times and bounds that the program has options for
 * @throws XiaError `usage` without a host, `bad-endpoint`, `bad-key`, `missing-prerequisite` for a UNIX socket where there can be none,
 * `attach-timeout`, `interrupted`
 */
export async function startFromOptions(
  options: AttachOptions,
  signal?: AbortSignal,
  limits: Pick<XiaNodeOptions, 'congestion' | 'streamLimits' | 'fetchLimits'> = {},
): Promise<XiaNode> {
  if (options.host === undefined) {
    throw new XiaError('usage', 'no XIA host to attach to: give --host ADDR:PORT (or unix:PATH) or set XIA_HOST (see "xtestbed exec")');
  }
  const face = attachFace(options.host);
  const path = socketPath(options.host);
  const identity = options.key === undefined ? generateIdentity() : await loadIdentity(options.key);
  const starting = new AbortController();
  const giveUp = () => starting.abort(signal?.reason);
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted === true) giveUp();
  const started = XiaNode.start({
    identity,
    role: 'application',
    faces: [face],
    attachTimeoutMs: options.attachTimeout ?? DEFAULT_ATTACH_TIMEOUT_MS,
    ...(options.trust === undefined ? {} : { trustedAds: options.trust }),
    signal: starting.signal,
    ...limits,
  });
  try {
    return await started;
  } catch (error) {
    throw path === undefined ? error : await withSocketReason(error, path);
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}
