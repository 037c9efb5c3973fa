import type { EvictionPolicy } from './eviction-policy.js';
import { FifoPolicy } from './fifo-policy.js';
import { LruPolicy } from './lru-policy.js';
import { S3FifoPolicy } from './s3-fifo-policy.js';

/** The policies by the name that a configuration gives them. */
export const evictionPolicies = {
  fifo: (): EvictionPolicy => new FifoPolicy(),
  lru: (): EvictionPolicy => new LruPolicy(),
  's3-fifo': (): EvictionPolicy => new S3FifoPolicy(),
} as const;
export type EvictionPolicyName = keyof typeof evictionPolicies;
export const evictionPolicyNames = Object.keys(evictionPolicies) as EvictionPolicyName[];

/** Of the policies here it misses least where chunks differ in how often they are asked for, and where many are asked for once. */
export const DEFAULT_EVICTION_POLICY = 's3-fifo' satisfies EvictionPolicyName;
