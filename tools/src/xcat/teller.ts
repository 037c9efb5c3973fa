import type { XiaStream } from 'xia-core';
import type { TransferredFile } from './file-transfer.js';
import type { Tally } from './flow.js';
import { ProgressLine, sizeText } from './progress.js';
import { codeOf } from './reset-codes.js';

export interface TellerOptions {
  readonly quiet?: true;
  readonly json?: true;
}

export interface SessionOutcome {
  readonly tally: Tally;
  readonly seconds: number;
  readonly file: TransferredFile | undefined;
  readonly failure: Error | undefined;
  readonly plain: boolean;
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** The result of one connection, as `--json` prints it. */
export function resultOf(stream: Pick<XiaStream, 'peerDag' | 'peerHid' | 'stats'>, outcome: SessionOutcome): object {
  const { tally, seconds, file, failure, plain } = outcome;
  const { rttMs, minRttMs, bytesResent, packetsLost, probes } = stream.stats;
  const moved = Math.max(tally.sent, tally.received);
  return {
    type: 'result',
    ok: failure === undefined,
    ...(failure === undefined ? {} : { reason: failure.message, resetCode: codeOf(failure)?.code ?? null }),
    peer: stream.peerDag.toString(),
    peerHid: stream.peerHid?.toString() ?? null,
    secure: !plain,
    sentBytes: tally.sent,
    receivedBytes: tally.received,
    seconds: rounded(seconds),
    bytesPerSecond: seconds > 0 ? Math.round(moved / seconds) : 0,
    rttMs: rounded(rttMs),
    minRttMs: Number.isFinite(minRttMs) ? rounded(minRttMs) : null,
    retransmittedBytes: bytesResent,
    packetsLost,
    probes,
    ...(file === undefined ? {} : { file }),
  };
}

/** What xcat says. All of it on stderr, because stdout is the stream's. */
export class Teller {
  readonly #quiet: boolean;
  readonly #json: boolean;

  constructor({ quiet, json }: TellerOptions) {
    this.#quiet = quiet === true;
    this.#json = json === true;
  }

  event(type: string, fields: object, words: string): void {
    if (this.#json) process.stderr.write(`${JSON.stringify({ type, ...fields })}\n`);
    else if (!this.#quiet) process.stderr.write(`xcat: ${words}\n`);
  }

  connected(stream: XiaStream, from: 'to' | 'from'): void {
    const hid = stream.peerHid?.toString();
    const peer = stream.peerDag.toString();
    this.event(
      'connected',
      { peer, peerHid: hid ?? null, secure: hid !== undefined },
      `connected ${from} ${hid ?? `${peer}, not encrypted`}`,
    );
  }

  /** A line that moves, where somebody can see it move. */
  progress(label: string, totalBytes: number | undefined, bytes: () => number): Disposable {
    const isSeen = process.stderr.isTTY && !this.#quiet && !this.#json;
    // A line that moves would be in the middle of what is typed and read.
    const isTyped = totalBytes === undefined && (process.stdin.isTTY || process.stdout.isTTY);
    return isSeen && !isTyped ? new ProgressLine(label, totalBytes, bytes) : { [Symbol.dispose]: () => {} };
  }

  result(stream: XiaStream, outcome: SessionOutcome): void {
    const { file, failure, seconds } = outcome;
    if (this.#json) {
      process.stderr.write(`${JSON.stringify(resultOf(stream, outcome))}\n`);
      return;
    }
    if (failure !== undefined || file === undefined) return;
    const rate = sizeText(file.bytes / Math.max(seconds, 0.001));
    this.event('file', {}, `${file.path}: ${sizeText(file.bytes)} in ${seconds.toFixed(1)} s, ${rate}/s, SHA-256 ${file.sha256}`);
  }
}
