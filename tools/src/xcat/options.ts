import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  addAttachOptions,
  DEFAULT_STREAM_LIMITS,
  integerArgument,
  PrincipalType,
  startFromOptions,
  XiaError,
  Xid,
  type AttachOptions,
  type XiaNode,
  type XiaStream,
} from 'xia-core';
import type { Purpose } from './session.js';

/** What both `xcat listen` and `xcat connect` take. */
export interface CommonOptions extends AttachOptions {
  readonly service: string;
  readonly plain?: true;
  readonly shutdown: boolean;
  readonly file?: string;
  readonly directory?: string;
  readonly reverse?: true;
  readonly force?: true;
  readonly exec?: string;
  readonly timeout: number;
  readonly idleTimeout: number;
  readonly keepAlive?: number;
  readonly quiet?: true;
  readonly json?: true;
}

/** What the peer may be asked to agree to at all, see `docs/stream.md`. */
const SHORTEST_IDLE_MS = 1000;
/** Pings in an idle timeout, so that it takes several losses in a row to end a quiet stream. */
const PINGS_PER_IDLE_TIMEOUT = 4;
const LONGEST_MS = 86_400_000;

/** A commander parser of HIDs or SIDs, separated by commas; may be given several times. */
export function collectXids(text: string, previous: readonly Xid[] = []): Xid[] {
  const xids = text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map((part) => {
      try {
        const xid = Xid.parse(part);
        if (xid.type === PrincipalType.HID || xid.type === PrincipalType.SID) return xid;
      } catch {
        // Said below.
      }
      throw new InvalidArgumentError(`"${part}" is neither a HID nor a SID (HID: or SID: and 40 hex digits).`);
    });
  return [...previous, ...xids];
}

export function addCommonOptions(command: Command): Command {
  command
    .option('--service <word>', 'the service, by a word that both ends give', 'xcat')
    .option('--plain', 'without TLS: nobody proves anything, everybody on the way can read and write; both ends must say so')
    .option('--no-shutdown', 'the end of stdin does not end our direction; the stream lasts until the other end ends it')
    .option('--file <path>', 'transfer a file, checked by size and SHA-256: connect sends it, listen receives it; both ends must say so')
    .option('--directory <dir>', 'receive a file into this folder, under the name that the sender gives it')
    .option('--reverse', 'with --file or --directory: connect receives and listen sends')
    .option('--force', 'replace a file that is there already')
    .option('--exec <command>', 'a shell command to talk to the other end in place of stdin and stdout')
    .addOption(
      new Option('--timeout <ms>', 'how long connecting, and the answer to the offer of a file, may take')
        .default(10_000)
        .argParser(integerArgument(1, LONGEST_MS)),
    )
    .addOption(
      new Option('--idle-timeout <ms>', 'a silent peer is given up after this; the smaller one of both ends counts')
        .default(DEFAULT_STREAM_LIMITS.idleTimeoutMs)
        .argParser(integerArgument(SHORTEST_IDLE_MS, LONGEST_MS)),
    )
    .addOption(
      new Option(
        '--keep-alive <ms>',
        'a quiet stream is kept by a ping this often, 0 for never (default: a quarter of the idle timeout)',
      ).argParser(integerArgument(0, LONGEST_MS)),
    )
    .option('-q, --quiet', 'errors only');
  addAttachOptions(command, { json: false });
  return command.option('--json', 'one JSON object a line on stderr; stdout has the data');
}

/** @throws XiaError `usage` for options that contradict each other */
export function checkOptions(options: CommonOptions): void {
  const { file, directory, exec, reverse, force, shutdown } = options;
  const contradiction = (what: string) => new XiaError('usage', what);
  const isFile = file !== undefined || directory !== undefined;
  if (file !== undefined && directory !== undefined) throw contradiction('--file and --directory exclude each other');
  if (exec !== undefined && isFile) throw contradiction('--exec excludes --file and --directory');
  if (reverse && !isFile) throw contradiction('--reverse is for --file and --directory');
  if (force && !isFile) throw contradiction('--force is for --file and --directory');
  if (!shutdown && (isFile || exec !== undefined)) throw contradiction('--no-shutdown is for stdin only');
}

/**
 * What connections are for.
 * @param receives whether this end receives files unless `--reverse` turns it around
 * @throws XiaError `usage`
 */
export function purposeOf(options: CommonOptions, receives: boolean, readInput: boolean): Purpose {
  checkOptions(options);
  const { file, directory, exec, timeout, shutdown } = options;
  if (exec !== undefined) return { kind: 'exec', command: exec };
  if (file === undefined && directory === undefined) return { kind: 'relay', readInput, shutdown };
  if (receives !== (options.reverse === true)) return { kind: 'receive', destination: { file, directory, force: options.force === true } };
  if (file === undefined) throw new XiaError('usage', '--directory is for the end that receives');
  return { kind: 'send', path: file, answerMs: timeout };
}

/** Attaches, with the times that the options say. */
export async function startNode(options: CommonOptions, signal: AbortSignal): Promise<XiaNode> {
  const { idleTimeout: idleTimeoutMs, timeout: openTimeoutMs } = options;
  const keepAliveMs = options.keepAlive ?? Math.min(DEFAULT_STREAM_LIMITS.keepAliveMs, idleTimeoutMs / PINGS_PER_IDLE_TIMEOUT);
  return startFromOptions(options, signal, { streamLimits: { idleTimeoutMs, keepAliveMs, openTimeoutMs } });
}

/** Whether the key that the peer has proved is one of these. */
export function isOneOf(stream: Pick<XiaStream, 'peerHid'>, known: readonly Xid[]): boolean {
  const id = stream.peerHid?.id;
  return id !== undefined && known.some((xid) => Buffer.compare(xid.id, id) === 0);
}
