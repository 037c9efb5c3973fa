import { XiaError } from '../bytes/index.js';
import { MAX_PACKET_BYTES } from './face.js';

/** The MTU of a face when it is one. @throws XiaError `bad-config` */
export function checkedMtu(face: string, mtu: number): number {
  if (Number.isInteger(mtu) && mtu >= 1 && mtu <= MAX_PACKET_BYTES) return mtu;
  throw new XiaError('bad-config', `face ${face}: mtu must be from 1 to ${MAX_PACKET_BYTES}`, { mtu });
}
