import { once } from 'node:events';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { fault, type Finding } from './finding.js';
import { listeningInode } from './host-memory.js';

/** One side of a move, with the socket of the standby that its program is to come from. */
interface StandbySide {
  readonly standby?: string;
}

/** Whether somebody listens where a standby is to give the program of a side. Nobody is taken from it. */
export async function standbyFindings(source: StandbySide, destination: StandbySide): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [where, { standby }] of [['source', source] as const, ['destination', destination] as const]) {
    const path = standby === undefined ? undefined : resolve(standby);
    const reason = path === undefined ? undefined : await whyNobodyListens(path);
    if (reason === undefined) continue;
    const todo = `start one ("xmigrate standby --socket ${path}"), or leave --${where}-standby out`;
    found.push(fault(where, `no standby answers at ${path}: ${reason}`, todo));
  }
  return found;
}

/** Who connects takes a worker for a moment, so the system is asked first. */
async function whyNobodyListens(path: string): Promise<string | undefined> {
  if ((await listeningInode(path)) !== undefined) return undefined;
  const connection = connect(path);
  try {
    await once(connection, 'connect');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    connection.destroy();
  }
}
