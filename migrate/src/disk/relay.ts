import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Carries bytes between two connections until both directions have ended; each may end on its own. What one does not take stays
 * where it came from, so that memory is bounded by the buffers of the two. Sockets among them need `allowHalfOpen`.
 * @throws what broke one of them; both are destroyed then
 */
export async function relay(near: Duplex, far: Duplex): Promise<void> {
  await Promise.all([pipeline(near, far), pipeline(far, near)]);
}
