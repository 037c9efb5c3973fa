export { xidOf, type CryptoSuite, type Identity } from './crypto.js';
export { IdIndex } from './id-index.js';
export { nobleHash, type IdHash } from './noble-hash.js';
export { isReservedType, principals, PrincipalTable, PrincipalType } from './principal.js';
export { RecentIds } from './recent-ids.js';
export { BROADCAST_HID, SID_BOOTSTRAP, SID_NAME_SERVICE, SID_ROUTING } from './well-known.js';
export { Xid, XID_ID_BYTES } from './xid.js';
