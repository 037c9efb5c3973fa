import { XiaError } from '../bytes/index.js';
import { contentId, nodeCrypto, nodeRandom, type Face, type NodeIdentity } from '../io/index.js';
import type { NodeStackOptions, RoleOptions } from '../stack/index.js';
import type { XiaNodeOptions } from './node-options.js';
import { holdLimits } from './reconfigure.js';
import { certifiedAd } from './router-certificate.js';

/** What the stack asks of its node: the way out, and who hears of events. */
type StackOutputs = Pick<NodeStackOptions, 'isFormer' | 'transmit' | 'transmitRun' | 'onEvent'>;

/**
 * What the options of a node mean for its stack.
 * @param costs of the faces, by name, as they are when routing asks
 * @throws XiaError `bad-config`
 */
export function stackOptionsOf(
  options: XiaNodeOptions,
  identity: NodeIdentity,
  faces: readonly Face[],
  costs: ReadonlyMap<string, number | undefined>,
  outputs: StackOutputs,
): NodeStackOptions {
  const { principals, streamLimits, fetchLimits, contentHash = 'sha256' } = options;
  return {
    ...outputs,
    identity,
    faces,
    crypto: nodeCrypto,
    contentHash: (data) => contentId(data, contentHash),
    rng: nodeRandom,
    role: roleOf(options, identity),
    ...(principals === undefined ? {} : { principals }),
    routing: routingOf(options, costs),
    cache: options.cache,
    nameServer: options.role === 'router' ? undefined : options.nameServer,
    holding: holdLimits(options.holding),
    mobilityLimits: { maxMoves: options.moves?.limit, moveWindowMs: options.moves?.windowMs, ...options.mobilityLimits },
    ...(streamLimits === undefined ? {} : { streamLimits }),
    congestion: options.congestion,
    ...(fetchLimits === undefined ? {} : { fetchLimits }),
  };
}

function roleOf(options: XiaNodeOptions, identity: NodeIdentity): RoleOptions {
  const { role = 'application', router, trustedAds, nameServer, bindingLifetimeMs } = options;
  if (role !== 'router') return { kind: role, attach: { trustedAds, lifetimeMs: bindingLifetimeMs } };
  if (router === undefined) throw new XiaError('bad-config', 'a router needs the certificate of its AD');
  const { certificate, beacon = {} } = router;
  return { kind: 'router', ad: certifiedAd(certificate, identity), certificate, beacon, nameServer };
}

function routingOf(
  { routing = {} }: XiaNodeOptions,
  costs: ReadonlyMap<string, number | undefined>,
): NonNullable<NodeStackOptions['routing']> {
  if (routing.enabled === false) return false;
  const { helloMs, deadMs } = routing;
  return { helloMs, deadMs, cost: (name) => costs.get(name) };
}
