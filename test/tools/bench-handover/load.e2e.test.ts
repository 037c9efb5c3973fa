import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Load } from '../../../tools/src/bench-handover/load.js';
import { serveLoads } from '../../../tools/src/bench-handover/load-services.js';
import { wallNow } from '../../../tools/src/bench-handover/wall-clock.js';
import { startApplication, startRouter } from '../../xia-core/node/testbed.js';

const RUN_MS = 1000;

/** A machine at a router, and a load process at the same one. */
async function withLoad(test: (load: Load, host: string) => Promise<void>): Promise<void> {
  const { node: router, ad, access } = await startRouter();
  await using _router = router;
  await using machine = await startApplication(access);
  await serveLoads(machine, () => {});
  const environment = () => ({ XIA_HOST: access, XIA_TRUST: ad.toString() });
  await using load = await Load.start({ environment }, 'R');
  await test(load, machine.dag().toString());
}

describe('a load process', () => {
  it('sends datagrams and hears from the machine which of them arrived', async () => {
    await withLoad(async (load, host) => {
      for (const flow of [1, 2]) {
        await load.begin({ kind: 'flow', host, flow, intervalMs: 1, sizeBytes: 64 });
        await delay(RUN_MS);
        const { sent, received, duplicates, lost, missingSentMs } = await load.end('flow');
        expect(sent).toBeGreaterThan(RUN_MS / 4);
        expect([received + lost, duplicates, missingSentMs.length]).toEqual([sent, 0, lost]);
        expect(lost).toBeLessThan(sent / 2);
      }
    });
  });

  it.each([true, false])('sees how many bytes have arrived, whether the machine sends (%s) or not', async (machineSends) => {
    await withLoad(async (load, host) => {
      const beforeMs = wallNow();
      await load.begin({ kind: 'bulk', host, machineSends });
      await delay(RUN_MS);
      const { samples } = await load.end('bulk');
      const last = samples.at(-1);
      expect(last?.bytes).toBeGreaterThan(100_000);
      expect(samples.length).toBeGreaterThan(5);
      expect(samples[0]?.atMs).toBeGreaterThan(beforeMs);
      for (const [index, { atMs, bytes }] of samples.entries()) {
        expect(atMs).toBeGreaterThanOrEqual(samples[index - 1]?.atMs ?? 0);
        expect(bytes).toBeGreaterThanOrEqual(samples[index - 1]?.bytes ?? 0);
      }
    });
  });
});
