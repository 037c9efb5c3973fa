import * as v from 'valibot';

const routesSchema = v.array(v.object({ type: v.string(), xid: v.string(), next: v.string() }));

/** A forwarding table as `show routes` gives it; `next` is `FACE` or `FACE/NEIGHBOUR`. */
export type Routes = v.InferOutput<typeof routesSchema>;

/** Checks what a daemon answered. */
export function parseRoutes(value: unknown): Routes {
  return v.parse(routesSchema, value);
}

function nextOf(routes: Routes, type: string, xid: string): string | undefined {
  return routes.find((route) => route.type === type && route.xid === xid)?.next;
}

/** True when two next hops are the same; one that leaves the neighbour open fits each neighbour of its face. */
function sameHop(a: string, b: string): boolean {
  const [faceA, neighbourA] = a.split('/');
  const [faceB, neighbourB] = b.split('/');
  return faceA === faceB && (neighbourA === undefined || neighbourB === undefined || neighbourA === neighbourB);
}

export interface Place {
  /** XID texts. */
  readonly ad: string;
  readonly host: string;
}

/**
 * What a host that the VM has left still says of it, undefined when nothing is wrong: it must know nothing, or send its
 * packets up to the router as it does with any stranger's.
 */
export function staleAtHost(routes: Routes, vm: string): string | undefined {
  const next = nextOf(routes, 'HID', vm);
  const up = nextOf(routes, 'HID', '(default)');
  if (next === undefined || (up !== undefined && sameHop(next, up))) return undefined;
  return `still sends to ${next}`;
}

/** The same of a router: it must know nothing, or send to where the VM is now. */
export function staleAtRouter(routes: Routes, vm: string, router: { readonly ad: string }, now: Place): string | undefined {
  const next = nextOf(routes, 'HID', vm);
  if (next === undefined) return undefined;
  const right = router.ad === now.ad ? nextOf(routes, 'HID', now.host) : nextOf(routes, 'AD', now.ad);
  if (right !== undefined && sameHop(next, right)) return undefined;
  return `sends to ${next}, but the VM is behind ${right ?? 'no known hop'}`;
}
