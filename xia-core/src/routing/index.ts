export { LinkStateRouting } from './link-state.js';
export type {
  AnnouncementView,
  LinkStateOptions,
  RouteChange,
  RoutingEvent,
  RoutingFace,
  RoutingHop,
  RoutingLimits,
  RoutingNeighbour,
  RoutingTimers,
} from './options.js';
