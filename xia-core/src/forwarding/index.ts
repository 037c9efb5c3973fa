export { Disposition, forwardReasons, Reason, type ForwardReason } from './disposition.js';
export { ForwardingEngine, FROM_FACE, FROM_SELF, type EngineOptions, type ForwardOptions } from './engine.js';
export { BROADCAST_FACE, HELD_FACE, LOCAL_FACE, NO_FACE, type NextHop } from './faces.js';
export { DEFAULT_MAX_ROUTES, RouteTable, type RouteEntry } from './route-table.js';
