import * as v from 'valibot';
import { ControlClient, XiaError } from 'xia-core';
import type { RecordView } from './record-view.js';

const pageSchema = v.object({
  rows: v.array(v.object({ name: v.string(), dag: v.string(), owner: v.string(), sequence: v.number(), expiresInMs: v.number() })),
  next: v.nullable(v.string()),
});

/** Every record that a running name server has, page by page. @throws XiaError `control-unreachable`, `control-failed` */
export async function* listRecords(control: string): AsyncIterable<RecordView> {
  const client = await ControlClient.connect(control);
  try {
    let after: string | null = '';
    while (after !== null) {
      const answer: unknown = await client.call('list', { after });
      if (!v.is(pageSchema, answer)) throw new XiaError('control-failed', `${control}: that is no name server`);
      yield* answer.rows;
      after = answer.next;
    }
  } finally {
    client.close();
  }
}

/** One line of the table. */
export function recordLine({ name, dag, expiresInMs }: RecordView): string {
  const seconds = Math.round(expiresInMs / 1000);
  return `${name.padEnd(32)} ${(seconds < 0 ? 'expired' : `${seconds} s`).padStart(9)}  ${dag}`;
}
