import { PrincipalType, serviceDag, XiaError, type Dag, type Xid, type XiaNode } from 'xia-core';

/** The address of a service on the host that a DAG leads to; a DAG that leads to a service already stays as it is. */
export function serviceAt(dag: Dag, sid: Xid): Dag {
  if (dag.intent.type === PrincipalType.SID) return dag;
  if (dag.intent.type !== PrincipalType.HID) {
    throw new XiaError('bad-dag', `${dag.toString()} leads to neither a host nor a service`, { dag: dag.toString() });
  }
  return serviceDag(dag.find(PrincipalType.AD), dag.intent, sid);
}

/**
 * Checks the `-s` of xping and xtraceroute: packets leave with this node's own address, so another one is a mistake.
 * @throws XiaError `usage`
 */
export function checkSource(node: XiaNode, source: string | undefined): void {
  if (source === undefined) return;
  const own = [node.dag().toString(), node.hid.toString()];
  if (own.includes(source)) return;
  throw new XiaError('usage', `-s ${source}: not an address of this node, which is ${own[0]}`, { source });
}
