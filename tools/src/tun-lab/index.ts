export type { PumpReport } from './pump-messages.js';
export { runTcpFlow, type TcpFlowOptions, type TcpFlowResult } from './tcp-flow.js';
export { withTunLab, type TunLab, type TunLabEnd, type TunLabOptions } from './tun-lab.js';
