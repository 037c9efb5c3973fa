import { open } from 'node:fs/promises';
import { ETHERNET_HEADER_BYTES } from 'xia-core';
import { LinkType } from './decode-frame.js';
import { enhancedPacket, interfaceDescription, interfaceStatistics, sectionHeader } from './pcapng-writer.js';
import { syntheticFrame } from './synthetic-mac.js';

/** Where bytes go to, in order; a call resolves when they are with the system, so a pipe has them at once. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A file, or stdout for `-`. */
export async function openSink(path: string): Promise<ByteSink> {
  if (path !== '-') {
    const file = await open(path, 'w');
    return { write: async (bytes) => file.writeFile(bytes), close: async () => file.close() };
  }
  return {
    write: async (bytes) =>
      new Promise((resolve) => {
        // A reader that went away aborts the program by the `error` event of stdout; nothing is to be said about it here.
        process.stdout.write(bytes, () => resolve());
      }),
    close: async () => {},
  };
}

/** A packet as a node has captured it. */
export interface OutputPacket {
  readonly face: string;
  readonly direction: 'in' | 'out';
  readonly neighbour: number;
  readonly wallMs: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** Writes a capture of a node: an interface per face, and a frame of Ethernet per packet. */
export class PcapngOutput {
  readonly #sink: ByteSink;
  readonly #ids: ReadonlyMap<string, number>;

  private constructor(sink: ByteSink, ids: ReadonlyMap<string, number>) {
    this.#sink = sink;
    this.#ids = ids;
  }

  static async begin(
    sink: ByteSink,
    faces: readonly { readonly name: string; readonly description: string }[],
    snaplen: number,
  ): Promise<PcapngOutput> {
    const output = new PcapngOutput(sink, new Map(faces.map(({ name }, id) => [name, id])));
    const interfaces = faces.map(({ name, description }) =>
      interfaceDescription({
        name,
        description: `XIA face, ${description}`,
        linkType: LinkType.ETHERNET,
        snaplen: snaplen + ETHERNET_HEADER_BYTES,
      }),
    );
    await sink.write(Buffer.concat([sectionHeader('xdump'), ...interfaces]));
    return output;
  }

  async packet({ face, direction, neighbour, wallMs, length, bytes }: OutputPacket): Promise<void> {
    const interfaceId = this.#ids.get(face);
    if (interfaceId === undefined) return;
    await this.#sink.write(
      enhancedPacket({
        interfaceId,
        wallMs,
        direction,
        isBroadcast: neighbour === 0,
        length: length + ETHERNET_HEADER_BYTES,
        bytes: syntheticFrame(interfaceId, direction, neighbour, bytes),
      }),
    );
  }

  /** Says how many packets of each face there were, and ends the file. */
  async end(faces: readonly { readonly name: string; readonly captured: number; readonly dropped: number }[]): Promise<void> {
    for (const { name, captured, dropped } of faces) {
      const interfaceId = this.#ids.get(name);
      if (interfaceId === undefined) continue;
      await this.#sink.write(interfaceStatistics({ interfaceId, wallMs: Date.now(), received: captured + dropped, dropped }));
    }
    await this.#sink.close();
  }
}
