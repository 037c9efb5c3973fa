import { nobleHash, PrincipalType, Xid } from 'xia-core';

/** A service that is known by a word rather than by a key: who serves it is proved by the HID before it in the address. */
export function serviceSid(word: string): Xid {
  return new Xid(PrincipalType.SID, nobleHash(new TextEncoder().encode(`xia service ${word}`)));
}
