export { discardGuest, holdIncoming, listenIncoming, startGuest, untilLoaded } from './incoming.js';
export { LoadingQemu } from './loading-qemu.js';
export type { Monitor } from './monitor.js';
export { goOn, startOutgoing } from './outgoing.js';
