import { PrincipalType, Xid, XiaError, type ControlHandler, type XiaNode } from 'xia-core';

const PHASES = ['coming', 'not-coming', 'paused', 'resumed'] as const;
/** How long a guest may take to come once it was announced; who announces it says so again when it takes longer. */
const COMING_MS = 60_000;

/**
 * The method `guest` of the control socket: whoever moves a machine says what becomes of it at this node, as `phase`, and which
 * it is, as `hid`. The result of `paused` says whether its packets wait.
 */
export function guestHandler(node: Pick<XiaNode, 'expectGuest' | 'pauseGuest' | 'resumeGuest'>): ControlHandler {
  return ({ hid, phase }) => {
    const guest = typeof hid === 'string' ? Xid.parse(hid) : undefined;
    if (guest?.type !== PrincipalType.HID) throw new XiaError('bad-request', 'which guest? "hid" is its HID');
    switch (phase) {
      case 'coming':
        node.expectGuest(guest, COMING_MS);
        return {};
      case 'not-coming':
        node.expectGuest(guest, 0);
        return {};
      case 'paused':
        return { held: node.pauseGuest(guest) };
      case 'resumed':
        node.resumeGuest(guest);
        return {};
      default:
        throw new XiaError('bad-request', `what becomes of the guest? "phase" is one of ${PHASES.join(', ')}`);
    }
  };
}
