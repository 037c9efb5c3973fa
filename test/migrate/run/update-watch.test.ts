import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ControlServer, PrincipalType, Xid } from 'xia-core';
import { UpdateWatch } from '../../../migrate/src/run/update-watch.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const guest = Xid.of(PrincipalType.HID, '7'.repeat(40));

/** A daemon that knows one binding. */
async function daemon(binding: { state: string; sequence: number } | undefined) {
  const path = join(await temporaryFolder(), 'host.ctl');
  const knows = { binding };
  const rows = () => (knows.binding === undefined ? [] : [{ hid: guest.toString(), hop: 'vm0', ...knows.binding }]);
  const server = await ControlServer.listen(path, { show: ({ what }) => (what === 'bindings' ? rows() : []) });
  return { path, knows, server };
}

const start = (controls: string[]) => UpdateWatch.start({ guest, name: undefined, controls, host: '', trust: undefined });

describe('the update time', () => {
  it('is over when every place has a newer binding than when the guest stood still', async () => {
    const [source, gateway, destination] = [
      await daemon({ state: 'live', sequence: 5 }),
      await daemon({ state: 'live', sequence: 5 }),
      await daemon(undefined),
    ];
    const watch = await start([source.path, gateway.path, destination.path]);
    // A renewal at the old place before the stop is not the move.
    gateway.knows.binding = { state: 'live', sequence: 6 };
    watch.stopped();
    await new Promise((resolve) => setTimeout(resolve, 50));
    watch.resumed();
    source.knows.binding = { state: 'draining', sequence: 7 };
    destination.knows.binding = { state: 'staged', sequence: 6 };
    setTimeout(() => (destination.knows.binding = { state: 'live', sequence: 7 }), 60);
    setTimeout(() => (gateway.knows.binding = { state: 'live', sequence: 7 }), 200);
    const update = await watch.result();
    expect(update?.marks.map(({ where }) => where)).toEqual([source, gateway, destination].map(({ path }) => `control ${path}`));
    const [atSource, atGateway, atDestination] = update!.marks.map(({ afterMs }) => afterMs!);
    expect(atGateway).toBeGreaterThanOrEqual(190);
    expect(atDestination).toBeGreaterThanOrEqual(50);
    expect(atSource).toBeLessThan(atGateway!);
    expect(update?.totalMs).toBe(Math.max(atSource!, atGateway!, atDestination!));
    await watch.close();
    for (const { server } of [source, gateway, destination]) await server.close();
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
