export { Client, type JsonLine } from './client.js';
export { askResult, echoPoints, pingResult, type AskResult, type PingResult } from './client-results.js';
export { prepareGuest, prepareLoadGuest, type PreparedGuest } from './guest-image.js';
export { Lab, VM_NAME, type LabOptions } from './lab.js';
export { GUEST_MEMORY_MB, PlacedVm } from './placed-vm.js';
export { startStandingVm, type StandingVm } from './standing-vm.js';
