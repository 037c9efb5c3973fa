import {
  beaconSchema,
  CaptureFilter,
  decodeMobilityMessage,
  MobilityKind,
  nodeCrypto,
  openStatement,
  parseTransport,
  StatementKind,
  XipView,
  type XiaNode,
} from 'xia-core';

/** A little more than a beacon's usual interval, also of a network that sends one a second. */
const WAIT_MS = 1500;

/**
 * How far the clock of the router that a node is attached to is ahead of this machine's, in milliseconds: the time of issue in the
 * next beacon less the time of its arrival, so the beacon's way makes it a little less than it is.
 * @returns undefined when no beacon comes in time
 */
export async function beaconClockAheadMs(node: XiaNode): Promise<number | undefined> {
  return new Promise((resolve) => {
    const done = (aheadMs: number | undefined) => {
      clearTimeout(timer);
      stop();
      resolve(aheadMs);
    };
    const timer = setTimeout(() => done(undefined), WAIT_MS);
    const stop = node.capture(
      ({ bytes, wallMs }) => {
        const issuedMs = issuedIn(bytes);
        if (issuedMs !== undefined) done(issuedMs - wallMs);
      },
      { filter: CaptureFilter.parse('in') },
    );
  });
}

/** The time of issue of the beacon in a packet; undefined when it is none. */
function issuedIn(packet: Uint8Array): number | undefined {
  const view = new XipView();
  if (view.reset(packet) !== undefined) return undefined;
  const transport = parseTransport(view.payload());
  if (!('kind' in transport) || transport.kind !== 'dgram') return undefined;
  const decoded = decodeMobilityMessage(transport.payload);
  if (!decoded.ok || decoded.message.kind !== MobilityKind.BEACON) return undefined;
  const opened = openStatement(decoded.message.beacon, StatementKind.BEACON, nodeCrypto, beaconSchema);
  return opened.ok ? opened.value.issuedMs : undefined;
}
