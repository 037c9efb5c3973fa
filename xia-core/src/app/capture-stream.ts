import * as v from 'valibot';
import { XiaError } from '../bytes/index.js';
import { CaptureFilter, type XiaNode } from '../node/index.js';
import type { StreamEnd, StreamHandler } from './control-connection.js';

/** The fewest bytes of a packet that may be asked for, and the most. */
export const MIN_SNAPLEN = 64;
export const MAX_SNAPLEN = 65_535;

const paramsSchema = v.strictObject({
  filter: v.optional(v.pipe(v.string(), v.maxLength(4096)), ''),
  snaplen: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(MIN_SNAPLEN), v.maxValue(MAX_SNAPLEN)), MAX_SNAPLEN),
});

/** The answer to `capture`. */
export const captureAnswerSchema = v.object({
  snaplen: v.number(),
  faces: v.array(v.object({ name: v.string(), mtu: v.number(), description: v.string() })),
});

/** What a capture has seen of one face: packets sent to the client, and packets that it was too slow for. */
const faceCountSchema = v.object({ name: v.string(), captured: v.number(), dropped: v.number() });

/** An event of `capture`: a packet (its bytes in base64), or the last one of all. */
export const captureEventSchema = v.union([
  v.object({
    packet: v.object({
      face: v.string(),
      direction: v.picklist(['in', 'out']),
      neighbour: v.number(),
      wallMs: v.number(),
      length: v.number(),
      bytes: v.string(),
    }),
  }),
  v.object({ end: v.object({ reason: v.string(), faces: v.array(faceCountSchema) }) }),
]);

type FaceCount = { -readonly [Key in keyof v.InferOutput<typeof faceCountSchema>]: v.InferOutput<typeof faceCountSchema>[Key] };

/**
 * The streaming method `capture` of a node's control socket: `{filter, snaplen}` is answered by the faces that the node has, and
 * every packet that the filter takes is an event. A client that does not keep up loses packets, which are counted.
 */
export function captureHandler(node: XiaNode): StreamHandler {
  return (params, events) => {
    const checked = v.safeParse(paramsSchema, params);
    if (!checked.success) throw new XiaError('bad-request', `capture: ${checked.issues[0].message}`);
    const { snaplen } = checked.output;
    const filter = CaptureFilter.parse(checked.output.filter);
    const faces = node.faceDescriptions();
    const counts = new Map<string, FaceCount>(faces.map(({ name }) => [name, { name, captured: 0, dropped: 0 }]));
    for (const name of filter.faces) {
      if (counts.has(name)) continue;
      throw new XiaError('usage', `there is no face "${name}"; there are ${[...counts.keys()].join(', ')}`, { face: name });
    }
    const wants = (face: string) => {
      const accepted = events.accepts();
      const count = counts.get(face);
      if (count !== undefined) count[accepted ? 'captured' : 'dropped']++;
      return accepted;
    };
    const stop = node.capture(
      ({ bytes, ...packet }) => events.push({ packet: { ...packet, bytes: Buffer.from(bytes.buffer).toString('base64') } }),
      { filter, snaplen, wants },
    );
    return {
      result: { snaplen, faces: faces.map(({ name, mtu, description }) => ({ name, mtu, description })) },
      stop: (reason: StreamEnd) => {
        stop();
        events.push({ end: { reason, faces: [...counts.values()] } });
      },
    };
  };
}
