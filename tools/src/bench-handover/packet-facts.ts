import {
  Dag,
  decodeMobilityMessage,
  MobilityKind,
  NextHeader,
  parseTransport,
  SID_BOOTSTRAP,
  STATEMENT_HEADER_BYTES,
  toHex,
  unpackBody,
  XIP_HEADER_BYTES,
  XipView,
} from 'xia-core';

/** A message about mobility: its kind, and the HID that it is about. */
export interface MobilityFacts {
  readonly kind: MobilityKind;
  /** 40 hexadecimal digits. */
  readonly hid: string;
}

/** What a handover is told by of a packet. Nothing is verified: the routers do that, and it would cost the time that is measured. */
export interface PacketFacts {
  readonly nextHeader: number;
  /** The identifiers in the destination, 40 hexadecimal digits each. */
  readonly destinationIds: readonly string[];
  readonly mobility: MobilityFacts | undefined;
}

/** Undefined when the bytes are no packet. */
export function factsOf(bytes: Uint8Array): PacketFacts | undefined {
  const view = new XipView();
  if (view.reset(bytes) !== undefined) return undefined;
  const destination = Dag.tryFromWire(bytes, XIP_HEADER_BYTES, view.destinationCount);
  if (!(destination instanceof Dag)) return undefined;
  const isBootstrap = view.nextHeader === NextHeader.TRANSPORT && destination.intent.equals(SID_BOOTSTRAP);
  return {
    nextHeader: view.nextHeader,
    destinationIds: destination.nodes.map(({ xid }) => toHex(xid.id)),
    mobility: isBootstrap ? mobilityOf(view.payload()) : undefined,
  };
}

function mobilityOf(payload: Uint8Array): MobilityFacts | undefined {
  const packet = parseTransport(payload);
  if (packet.kind !== 'dgram') return undefined;
  const decoded = decodeMobilityMessage(packet.payload);
  if (!decoded.ok) return undefined;
  const { message } = decoded;
  switch (message.kind) {
    case MobilityKind.BINDING_ACK:
    case MobilityKind.PATCH_ACK:
      return { kind: message.kind, hid: toHex(message.hid.id) };
    case MobilityKind.BINDING:
    case MobilityKind.PATCH:
      return boundBy(message.kind, message.binding);
    default:
      return undefined;
  }
}

/** Whom a binding statement is about. */
function boundBy(kind: MobilityKind, statement: Uint8Array): MobilityFacts | undefined {
  const body = unpackBody(statement.subarray(STATEMENT_HEADER_BYTES));
  if (!body.ok || typeof body.value !== 'object' || body.value === null) return undefined;
  const { hid } = body.value as { readonly hid?: unknown };
  return hid instanceof Uint8Array ? { kind, hid: toHex(hid) } : undefined;
}
