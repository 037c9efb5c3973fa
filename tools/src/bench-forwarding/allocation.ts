import { Session } from 'node:inspector';

/** Bytes of heap that functions allocated while some work ran, most first; what was collected meanwhile counts too. */
export interface Allocations {
  readonly totalBytes: number;
  readonly byFunction: readonly { readonly name: string; readonly bytes: number }[];
}

interface ProfileNode {
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly selfSize: number;
  readonly children: readonly ProfileNode[];
}

const SAMPLING_INTERVAL_BYTES = 64;

/** Runs some work under V8's sampling heap profiler. */
export function allocationsOf(work: () => void): Allocations {
  const session = new Session();
  session.connect();
  try {
    const options = {
      samplingInterval: SAMPLING_INTERVAL_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    };
    session.post('HeapProfiler.startSampling', options);
    work();
    let head: ProfileNode | undefined;
    // A session in its own process answers before `post` returns.
    session.post('HeapProfiler.stopSampling', (_error, result) => (head = result.profile.head as ProfileNode));
    return sums(head);
  } finally {
    session.disconnect();
  }
}

function sums(head: ProfileNode | undefined): Allocations {
  const bytesOf = new Map<string, number>();
  const visit = (node: ProfileNode): void => {
    const { functionName, url } = node.callFrame;
    // What has no file is V8 itself: compiled code, the profile.
    if (url !== '' && !url.startsWith('node:')) bytesOf.set(functionName, (bytesOf.get(functionName) ?? 0) + node.selfSize);
    node.children.forEach(visit);
  };
  if (head !== undefined) visit(head);
  const byFunction = [...bytesOf]
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => ({ name, bytes }))
    .toSorted((a, b) => b.bytes - a.bytes);
  return { totalBytes: byFunction.reduce((sum, { bytes }) => sum + bytes, 0), byFunction };
}
