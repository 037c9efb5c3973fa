import type { Gauge } from '../bytes/index.js';
import type { ForwardingEngine } from '../forwarding/index.js';
import type { Mobility, NameClient } from '../mobility/index.js';
import { flatStreamCounters, type DatagramEndpoint, type StreamEndpoint } from '../transport/index.js';
import type { ContentPart } from './content-part.js';
import type { Delivery } from './delivery.js';
import type { EchoEndpoint } from './echo-endpoint.js';
import type { FaceTable } from './face-table.js';
import type { MtuPart } from './mtu-part.js';
import type { Naming } from './naming.js';
import type { PacketPath } from './packet-path.js';
import type { Rib } from './rib.js';
import type { RoutingPart } from './routing-part.js';
import type { SourceMemo } from './source-memo.js';
import type { XcmpAnswers } from './xcmp-answers.js';

/** All parts of a node that count something or keep something. */
export interface ReportedParts {
  readonly faces: FaceTable;
  readonly engine: ForwardingEngine;
  readonly rib: Rib;
  readonly path: PacketPath;
  readonly delivery: Delivery;
  readonly mtu: MtuPart;
  readonly sources: SourceMemo;
  readonly content: ContentPart;
  readonly streams: StreamEndpoint;
  readonly datagrams: DatagramEndpoint;
  readonly echoes: EchoEndpoint;
  readonly xcmp: XcmpAnswers;
  readonly mobility: Mobility;
  readonly naming: Naming;
  readonly names: NameClient;
  readonly routing: RoutingPart | undefined;
}

/** Packets by what became of them, and everything refused by reason, each group under the name of its part. */
export function countersOf(parts: ReportedParts): Record<string, Record<string, number>> {
  return {
    path: parts.path.counters(),
    forwarding: parts.engine.counters(),
    delivery: parts.delivery.counters(),
    xcmp: { ...parts.xcmp.counters },
    mobility: parts.mobility.counters.toJSON(),
    ...(parts.routing === undefined ? {} : { routing: parts.routing.counters() }),
    ...parts.content.counters(),
    streams: flatStreamCounters(parts.streams.counters),
    datagrams: parts.datagrams.counters(),
    echoes: { ...parts.echoes.counters },
    pathMtu: parts.mtu.counters(),
    names: parts.names.counters.toJSON(),
  };
}

/** How full every queue and table is, and the most that each ever held. */
export function gaugesOf(parts: ReportedParts): Gauge[] {
  return [
    ...parts.faces.gauges(),
    ...parts.engine.gauges(),
    ...parts.path.gauges(),
    ...parts.content.gauges(),
    ...parts.streams.gauges(),
    ...parts.datagrams.gauges(),
    ...parts.echoes.gauges(),
    ...parts.xcmp.gauges(),
    ...parts.mtu.gauges(),
    ...parts.mobility.gauges(),
    ...parts.naming.gauges(),
    ...parts.rib.gauges(),
    ...(parts.routing?.gauges() ?? []),
    ...parts.sources.gauges(),
  ];
}
