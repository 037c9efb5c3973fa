import * as v from 'valibot';
import { captureAnswerSchema, captureEventSchema, ControlStream, XiaError } from 'xia-core';
import type { OutputPacket } from './pcapng-output.js';

/** How long the daemon may be silent once a capture was ended here. */
const END_TIMEOUT_MS = 2000;

/** A face of the daemon. */
interface CaptureFace {
  readonly name: string;
  readonly description: string;
}

/** What there was in all. */
export interface CaptureCounts {
  /** Packets that were handed on. */
  readonly captured: number;
  /** By face, as the daemon counted; empty when it could not say. */
  readonly faces: readonly { readonly name: string; readonly captured: number; readonly dropped: number }[];
  /** Who ended it, or `broken`: the connection ended without a last word. */
  readonly reason: string;
}

/** A capture that runs in a daemon, seen from outside. */
export class LiveCapture {
  readonly faces: readonly CaptureFace[];
  readonly snaplen: number;
  readonly #stream: ControlStream;

  private constructor(stream: ControlStream, faces: readonly CaptureFace[], snaplen: number) {
    this.#stream = stream;
    this.faces = faces;
    this.snaplen = snaplen;
  }

  /** @throws XiaError `control-unreachable`, `usage` (a filter, a face), `limit-reached`, `control-failed` */
  static async begin(path: string, options: { readonly filter: string; readonly snaplen: number }): Promise<LiveCapture> {
    const stream = await ControlStream.open(path, 'capture', options);
    const answer = v.safeParse(captureAnswerSchema, stream.result);
    if (answer.success) return new LiveCapture(stream, answer.output.faces, answer.output.snaplen);
    stream.close();
    throw new XiaError('control-failed', `${path}: the daemon answered in an unknown shape`);
  }

  /**
   * Hands on packets one after the other until there were `count`, the signal is aborted, or the daemon ends. While `onPacket`
   * is under way no more are read, and the daemon keeps what it has room for.
   */
  async run(count: number, signal: AbortSignal, onPacket: (packet: OutputPacket) => Promise<void>): Promise<CaptureCounts> {
    let captured = 0;
    let timer: NodeJS.Timeout | undefined;
    const end = () => {
      timer ??= setTimeout(() => this.#stream.close(), END_TIMEOUT_MS);
      this.#stream.end();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      for await (const event of this.#stream.events()) {
        timer?.refresh();
        const parsed = v.safeParse(captureEventSchema, event);
        if (!parsed.success) throw new XiaError('control-failed', 'the daemon sent an event of an unknown shape');
        if ('end' in parsed.output) return { captured, ...parsed.output.end };
        if (captured >= count) continue;
        captured++;
        const { packet } = parsed.output;
        await onPacket({ ...packet, bytes: Buffer.from(packet.bytes, 'base64') });
        if (captured >= count) end();
      }
    } catch (error) {
      // What breaks is told by the reason: the packets that came are worth a summary.
      if (!(error instanceof XiaError)) throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
    return { captured, faces: [], reason: 'broken' };
  }

  [Symbol.dispose](): void {
    this.#stream.close();
  }
}
