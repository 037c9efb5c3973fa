import type { Xid } from 'xia-core';
import { serviceSid } from '../common/service-sid.js';

/** The Goldbach service, STREAM. */
export const SID_XCAL: Xid = serviceSid('xcal');
/** Every datagram comes back as it was, DGRAM. */
export const SID_ECHO: Xid = serviceSid('echo');
/** Any datagram is answered by the state of the machine as JSON, DGRAM. */
export const SID_COUNTER: Xid = serviceSid('counter');
