import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ControlServer, PrincipalType, Xid } from 'xia-core';
import { UpdateWatch } from '../../../migrate/src/run/update-watch.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const guest = Xid.of(PrincipalType.HID, '7'.repeat(40));

interface Known {
  readonly state: string;
  readonly sequence: number;
  readonly hop: string;
}

/** A daemon that knows one binding. */
async function daemon(binding: Known | undefined) {
  const path = join(await temporaryFolder(), 'host.ctl');
  const knows = { binding, asked: 0 };
  const rows = () => (knows.binding === undefined ? [] : [{ hid: guest.toString(), ...knows.binding }]);
  const server = await ControlServer.listen(path, {
    show: ({ what }) => {
      knows.asked++;
      return what === 'bindings' ? rows() : [];
    },
  });
  return { path, knows, server };
}

const start = (controls: string[]) => UpdateWatch.start({ guest, name: undefined, controls, host: '', trust: undefined });

describe('the update time', () => {
  it('is over when every place has another way to the guest, or a newer binding than when it stood still', async () => {
    const [source, gateway, destination, upstream] = [
      await daemon({ state: 'live', sequence: 5, hop: 'vm0' }),
      await daemon({ state: 'live', sequence: 5, hop: 'access/1' }),
      await daemon(undefined),
      await daemon({ state: 'live', sequence: 5, hop: 'R1/1' }),
    ];
    const places = [source, gateway, destination, upstream];
    const watch = await start(places.map(({ path }) => path));
    // A renewal at the old place before the stop is not the move.
    gateway.knows.binding = { state: 'live', sequence: 6, hop: 'access/1' };
    upstream.knows.binding = { state: 'live', sequence: 6, hop: 'R1/1' };
    watch.stopped();
    await expect.poll(() => places.every(({ knows }) => knows.asked >= 2)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    watch.resumed();
    source.knows.binding = { state: 'draining', sequence: 7, hop: 'up/1' };
    destination.knows.binding = { state: 'staged', sequence: 6, hop: 'vm0' };
    setTimeout(() => (destination.knows.binding = { state: 'live', sequence: 7, hop: 'vm0' }), 60);
    setTimeout(() => (gateway.knows.binding = { state: 'live', sequence: 7, hop: 'access/2' }), 300);
    setTimeout(() => (upstream.knows.binding = { state: 'live', sequence: 7, hop: 'R1/1' }), 120);
    const update = await watch.result();
    expect(update?.marks.map(({ where }) => where)).toEqual(places.map(({ path }) => `control ${path}`));
    const [atSource, atGateway, atDestination, atUpstream] = update!.marks.map(({ afterMs }) => afterMs!);
    expect(atGateway).toBeGreaterThanOrEqual(290);
    expect(atDestination).toBeGreaterThanOrEqual(50);
    expect(atUpstream).toBeGreaterThanOrEqual(110);
    expect(atSource).toBeLessThan(atGateway!);
    expect(update?.totalMs).toBe(Math.max(atSource!, atGateway!, atDestination!, atUpstream!));
    await watch.close();
    for (const { server } of places) await server.close();
  });

  it('is not there where nobody is asked, or the guest does not go on', async () => {
    const nobody = await start([]);
    nobody.resumed();
    expect(await nobody.result()).toBeUndefined();
    const { path, server } = await daemon(undefined);
    const stayed = await start([path]);
    expect(await stayed.result()).toBeUndefined();
    await stayed.close();
    await server.close();
    await expect(start([path])).rejects.toMatchObject({ code: 'control-unreachable' });
  });
});
