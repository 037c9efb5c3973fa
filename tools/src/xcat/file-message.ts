import { basename } from 'node:path';
import * as v from 'valibot';
import { XiaError } from 'xia-core';

/** A line of the conversation around a file is no longer. */
export const LARGEST_MESSAGE_BYTES = 4096;
const LARGEST_NAME_BYTES = 255;

const messageSchema = v.variant('kind', [
  /** The sender, first: what is to come. */
  v.object({
    xcat: v.literal(1),
    kind: v.literal('offer'),
    name: v.pipe(v.string(), v.maxLength(1024)),
    bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
  /** The receiver: go on. Then come the bytes, and the sum. */
  v.object({ xcat: v.literal(1), kind: v.literal('accept') }),
  v.object({ xcat: v.literal(1), kind: v.literal('sum'), sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) }),
  /** The receiver, last: the file is whole and has its name. */
  v.object({ xcat: v.literal(1), kind: v.literal('stored') }),
  /** The receiver, at any time. */
  v.object({ xcat: v.literal(1), kind: v.literal('refuse'), reason: v.pipe(v.string(), v.maxLength(1024)) }),
]);

/** What the two ends of `--file` say to each other, a line of JSON each. */
export type FileMessage = v.InferOutput<typeof messageSchema>;
type Body<Message> = Message extends unknown ? Omit<Message, 'xcat'> : never;

export function formatMessage(message: Body<FileMessage>): string {
  return `${JSON.stringify({ xcat: 1, ...message })}\n`;
}

/** Undefined when the line is no message: then the other end does not transfer a file. */
export function parseMessage(line: string): FileMessage | undefined {
  try {
    const checked = v.safeParse(messageSchema, JSON.parse(line));
    return checked.success ? checked.output : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The name that a file of a peer gets in a folder of ours: the last part of its path, without anything that would lead elsewhere,
 * be hidden, or play with a terminal.
 * @throws XiaError `refused` when nothing is left of it
 */
export function safeName(name: string): string {
  const last = basename(name.replaceAll('\\', '/').normalize('NFC'));
  // Control characters, and those that turn the direction of text around.
  const visible = last.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/]/gu, '_').replace(/^[.\s]+/, '');
  const trimmed = visible.trimEnd();
  if (trimmed === '' || Buffer.byteLength(trimmed) > LARGEST_NAME_BYTES) {
    throw new XiaError('refused', `no file can be called ${JSON.stringify(name.slice(0, 80))} here`);
  }
  return trimmed;
}

/** Text of the peer, fit to be printed. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?').slice(0, 300);
}
