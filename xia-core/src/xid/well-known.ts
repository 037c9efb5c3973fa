import { PrincipalType } from './principal.js';
import { Xid } from './xid.js';

/** Every neighbour on the link. A packet to it is never forwarded again. */
export const BROADCAST_HID: Xid = Xid.of(PrincipalType.HID, 'ff'.repeat(20));

/** Beacons and bindings. */
export const SID_BOOTSTRAP: Xid = Xid.of(PrincipalType.SID, '1110000000000000000000000000000000001111');

/** Routing between routers. */
export const SID_ROUTING: Xid = Xid.of(PrincipalType.SID, '1110000000000000000000000000000000001112');

/** The name service. */
export const SID_NAME_SERVICE: Xid = Xid.of(PrincipalType.SID, '1110000000000000000000000000000000001113');
