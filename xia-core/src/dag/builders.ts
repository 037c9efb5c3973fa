import { BROADCAST_HID, type Xid } from '../xid/index.js';
import { Dag } from './dag.js';
import type { DagNode } from './graph.js';

/** `RE AD HID`, or `RE HID` for a host that no AD has accepted yet. */
export function hostDag(ad: Xid | undefined, hid: Xid): Dag {
  return chain(ad === undefined ? [hid] : [ad, hid]);
}

/** `RE AD HID SID`: a service on one host. */
export function serviceDag(ad: Xid | undefined, hid: Xid, sid: Xid): Dag {
  return chain(ad === undefined ? [hid, sid] : [ad, hid, sid]);
}

/** `RE ( AD HID ) CID`: content from anywhere, with the host that surely has it as the fallback. */
export function contentDag(ad: Xid | undefined, hid: Xid, cid: Xid): Dag {
  const way = ad === undefined ? [hid] : [ad, hid];
  const sink = way.length;
  const nodes: DagNode[] = way.map((xid, i) => ({ xid, edges: i + 1 < sink ? [sink, i + 1] : [sink] }));
  return Dag.build([sink, 0], [...nodes, { xid: cid, edges: [] }]);
}

/** `RE BHID SID`: a service on every neighbour of the link. */
export function linkLocalDag(sid: Xid): Dag {
  return chain([BROADCAST_HID, sid]);
}

function chain(xids: readonly Xid[]): Dag {
  const sink = xids.length - 1;
  return Dag.build(
    [0],
    xids.map((xid, i) => ({ xid, edges: i < sink ? [i + 1] : [] })),
  );
}
