export { runTcpFlow, type TcpFlowOptions, type TcpFlowResult } from './tcp-flow.js';
export { withTunLab, type TunLab, type TunLabEnd, type TunLabOptions, type TunLabReport } from './tun-lab.js';
