import { afterEach, beforeEach, expect, it } from 'vitest';
import { moveVm } from '../../tools/src/demo/move-vm.js';
import { Lab, prepareGuest, VM_NAME } from '../../tools/src/lab/index.js';
import { readCounter } from '../../tools/src/xcal/read-counter.js';
import { loadTopology } from '../../tools/src/xtestbed/index.js';
import { temporaryFolder, until } from './programs.js';

const TIMEOUT_MS = 240_000;
/** For what a guest does by itself: it renews its place after 10 s of its own time at most, and its processor is an emulated one that shares ours. */
const GUEST_MS = 60_000;
const HOME = 'HOST_A';
const AWAY = 'HOST_B';
const OBSERVER = 'HOST_C';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => folder.remove());

it(
  'the copy of a VM that is resumed at the source after the migration is fenced there, and the network follows the other',
  async () => {
    const { signal } = new AbortController();
    const guest = await prepareGuest(folder.path, { signal });
    const sizes = { workloadBytes: 16e6, dirtyBytesPerSecond: 0, preallocate: false };
    await using lab = await Lab.start({ topology: await loadTopology('inter-ad'), runDir: folder.path, guest, ...sizes, signal });
    const source = await lab.boot(HOME);
    const destination = await lab.destination(AWAY);
    const { result } = await moveVm({ lab, vm: source, destination, downtimeLimitMs: 300, onProgress: () => undefined, signal });
    expect(result).toMatchObject({ outcome: 'moved', runner: 'destination' });
    await destination.serial.waitFor('moved', { timeoutMs: GUEST_MS, signal });
    await using observer = await lab.attach(OBSERVER);
    const tell = async () => readCounter(observer, VM_NAME, { timeoutMs: GUEST_MS, signal });
    let before = await tell();

    await source.qemu.qmp.execute('cont');
    expect(await source.runState()).toMatchObject({ running: true });
    const refused = async () => {
      const counters = (await lab.testbed.control(HOME, 'show', { what: 'counters' })) as { mobility: Record<string, number> };
      return counters.mobility['binding:fenced'] ?? 0;
    };
    await until(async () => (await refused()) > 0, GUEST_MS, 'the copy asks for its place, and is refused');
    for (let times = 0; times < 10; times++) {
      const now = await tell();
      // The copy was still for seconds, so it is behind.
      expect(now.startId).toBe(before.startId);
      expect(now.ticks).toBeGreaterThanOrEqual(before.ticks);
      expect(now.dag).toContain(lab.testbed.ad(lab.adOf(AWAY)));
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  },
  TIMEOUT_MS,
);
