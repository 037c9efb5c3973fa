/**
 * The states of a HID's route at one node:
 *
 *              coming               bound               paused
 *     base -------------> staged -----------> live --------------> held
 *       ^  <-------------                     ^  |  <--------------  |
 *       |    not-coming                       |  |      resumed      |
 *       |                                     |  |                   |
 *       |              .------- bound --------'  +--- patched, ended-'
 *       |              |                         |
 *       |   forgotten  |    patched              |
 *       +--------- draining <--------------------+
 *       |              |                         |
 *       |   forgotten  |    ended                |
 *       `----------- ended <---------------------'
 *
 *     any state -- bound --> live, any state -- patched --> draining
 *
 * - base: no binding is believed here; static routes, link-state or the default decide.
 * - staged: a host has said that the HID comes to it. That changes no forwarding: only the HID's own binding does.
 * - live: bound by way of this node.
 * - held: live, but its host says that it stands still, about to go: its packets wait here.
 * - draining: bound elsewhere, as a patch has told: what still comes here goes on along that patch, or nowhere while its way is lost.
 * - ended: it detached, was not renewed, or its face is gone. The sequence and the former hops are remembered for a while.
 *
 * What a host follows before the gateway has answered (`tentative`) lies on top of the state, which a refusal leaves as it was.
 */
export type RouteState = 'base' | 'staged' | 'live' | 'held' | 'draining' | 'ended';

export const routeStates: readonly RouteState[] = ['base', 'staged', 'live', 'held', 'draining', 'ended'];

export type RouteInput =
  /** A host says that the HID is about to come to it. */
  | 'coming'
  /** It took that back, or too much time has passed. */
  | 'not-coming'
  /** The gateway accepted a binding that came by way of this node. */
  | 'bound'
  /** The host behind the present hop says that the HID stands still. */
  | 'paused'
  /** It goes on at that host, or too much time has passed. */
  | 'resumed'
  /** A patch has told of a later binding elsewhere. */
  | 'patched'
  /** Detached, not renewed, known to be elsewhere, or without its face. */
  | 'ended'
  /** No statement of its sequences can be believed any more. */
  | 'forgotten';

export const routeInputs: readonly RouteInput[] = ['coming', 'not-coming', 'bound', 'paused', 'resumed', 'patched', 'ended', 'forgotten'];

/** The state after `input`. An input that means nothing in a state leaves it as it is. */
export function nextRouteState(state: RouteState, input: RouteInput): RouteState {
  switch (input) {
    case 'coming':
      return state === 'base' ? 'staged' : state;
    case 'not-coming':
      return state === 'staged' ? 'base' : state;
    case 'bound':
      return 'live';
    case 'paused':
      return state === 'live' ? 'held' : state;
    case 'resumed':
      return state === 'held' ? 'live' : state;
    case 'patched':
      return 'draining';
    case 'ended':
      return state === 'live' || state === 'held' ? 'ended' : state;
    case 'forgotten':
      return state === 'draining' || state === 'ended' ? 'base' : state;
  }
}
