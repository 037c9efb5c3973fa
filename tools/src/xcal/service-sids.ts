import { nobleHash, PrincipalType, Xid } from 'xia-core';

/** A service that is known by a word rather than by a key: who serves it is proved by the HID before it in the address. */
function serviceSid(word: string): Xid {
  return new Xid(PrincipalType.SID, nobleHash(new TextEncoder().encode(`xia service ${word}`)));
}

/** The Goldbach service, STREAM. */
export const SID_XCAL: Xid = serviceSid('xcal');
/** Every datagram comes back as it was, DGRAM. */
export const SID_ECHO: Xid = serviceSid('echo');
/** Any datagram is answered by the state of the machine as JSON, DGRAM. */
export const SID_COUNTER: Xid = serviceSid('counter');
