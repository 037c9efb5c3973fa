import {
  decodeMobilityMessage,
  decodeNameMessage,
  decodeRoutingMessage,
  MobilityKind,
  NameKind,
  RoutingKind,
  SID_BOOTSTRAP,
  SID_NAME_SERVICE,
  SID_ROUTING,
  type Dag,
} from 'xia-core';
import { genericBody, withStatements } from './decode-statement.js';
import { textOf, type JsonObject } from './json-value.js';

const kindNames: Readonly<Record<Service, ReadonlyMap<number, string>>> = {
  bootstrap: namesOf(MobilityKind),
  routing: namesOf(RoutingKind),
  'name-service': namesOf(NameKind),
};

const decoders = { bootstrap: decodeMobilityMessage, routing: decodeRoutingMessage, 'name-service': decodeNameMessage } as const;

/** `BINDING_ACK` is called `binding-ack`. */
function namesOf(kinds: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(kinds).map(([name, code]) => [code, name.toLowerCase().replaceAll('_', '-')]));
}

type Service = 'bootstrap' | 'routing' | 'name-service';

const services: ReadonlyMap<string, Service> = new Map([
  [SID_BOOTSTRAP.key, 'bootstrap'],
  [SID_ROUTING.key, 'routing'],
  [SID_NAME_SERVICE.key, 'name-service'],
]);

/**
 * The message of a datagram to or from a well-known SID: `{service, message: {kind, ...its fields}}`, statements in it decoded.
 * What the format of ours does not fit has `error` in its message. Undefined for any other SID.
 */
export function decodeServiceMessage(destination: Dag, source: Dag, payload: Uint8Array): JsonObject | undefined {
  const service = services.get(destination.intent.key) ?? services.get(source.intent.key);
  return service === undefined ? undefined : { service, message: messageOf(service, payload) };
}

function messageOf(service: Service, payload: Uint8Array): JsonObject {
  if (payload.length === 0) return { error: `${service} message: empty` };
  const decoded = decoders[service](payload);
  // Most messages have one outer form whatever they say: a kind, and a map.
  if (!decoded.ok && decoded.reason === 'unknown-kind') {
    const { body, error } = genericBody(payload.subarray(1));
    return error === undefined ? { kind: payload[0]!, body } : { error: `${service} message: ${textOf(error)}` };
  }
  if (!decoded.ok) return { error: `${service} message: ${decoded.reason}` };
  const { kind, ...fields } = decoded.message;
  return { kind: kindNames[service].get(kind) ?? kind, ...(withStatements(fields) as JsonObject) };
}
