import type { MobilityEvent } from '../mobility/index.js';
import type { RoutingEvent } from '../routing/index.js';
import { Xid } from '../xid/index.js';
import type { NodeLogger } from './node-options.js';

/** What somebody should look at. */
const alarms: ReadonlySet<MobilityEvent['kind']> = new Set<MobilityEvent['kind']>(['frozen', 'fenced', 'patch-failed', 'refused']);

export function logMobility(logger: NodeLogger, event: MobilityEvent): void {
  const message = `mobility: ${event.kind}`;
  if (alarms.has(event.kind)) logger.warn(facts(event), message);
  else logger.info(facts(event), message);
}

export function logRouting(logger: NodeLogger, event: RoutingEvent): void {
  const message = `routing: ${event.kind}`;
  if (event.kind === 'host-elsewhere') logger.info(facts(event), message);
  else logger.warn(facts(event), message);
}

/** The facts of an event with addresses as text. */
function facts(event: MobilityEvent | RoutingEvent): object {
  return JSON.parse(JSON.stringify(event, (_key, value: unknown) => (value instanceof Xid ? value.toString() : value))) as object;
}
