import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ControlServer, PrincipalType, Xid } from 'xia-core';
import { HostNotices } from '../../../migrate/src/run/host-notices.js';
import { temporaryFolder } from '../../xnameserver/support.js';

const guest = Xid.of(PrincipalType.HID, '9'.repeat(40));

describe('what is said to the hosts of a move', () => {
  it('arrives in order, and is answered before the end', async () => {
    const path = join(await temporaryFolder(), 'host.ctl');
    const heard: unknown[] = [];
    await using server = await ControlServer.listen(path, { guest: (params) => ({ count: heard.push(params) }) });
    const notices = new HostNotices(server.path, guest);
    await notices.open();
    for (const phase of ['coming', 'paused', 'resumed'] as const) notices.say(phase);
    await notices.close();
    expect(heard).toEqual(['coming', 'paused', 'resumed'].map((phase) => ({ hid: guest.toString(), phase })));
    expect(notices.failures).toBe(0);
  });

  it('stops nothing when nobody listens, or nobody is to be told', async () => {
    const nobody = new HostNotices('/nowhere/host.ctl', guest);
    await nobody.open();
    nobody.say('paused');
    await nobody.close();
    expect(nobody.failures).toBe(1);
    const silent = new HostNotices(undefined, guest);
    await silent.open();
    silent.say('paused');
    await silent.close();
    expect(silent.failures).toBe(0);
  });
});
