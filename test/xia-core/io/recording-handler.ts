import type { XiaError } from '../../../xia-core/src/bytes/index.js';
import type { FaceHandler } from '../../../xia-core/src/io/face.js';

/** A handler that keeps what it is told, in order, and can be waited on. */
export class RecordingHandler implements FaceHandler {
  readonly packets: { neighbour: number; bytes: Buffer }[] = [];
  readonly announcements: number[] = [];
  readonly departures: number[] = [];
  readonly faults: XiaError[] = [];

  packet(neighbour: number, bytes: Uint8Array): void {
    this.packets.push({ neighbour, bytes: Buffer.from(bytes) });
  }

  announced(neighbour: number): void {
    this.announcements.push(neighbour);
  }

  gone(neighbour: number): void {
    this.departures.push(neighbour);
  }

  fault(error: XiaError): void {
    this.faults.push(error);
  }

  texts(): string[] {
    return this.packets.map(({ bytes }) => bytes.toString());
  }

  /** Resolves when `condition` holds; the test's own timeout is the bound. */
  async until(condition: (handler: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
