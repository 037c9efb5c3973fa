import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ControlServer, PrincipalType, Xid, XiaError } from 'xia-core';
import { GuestHosts } from '../../../migrate/src/run/guest-hosts.js';
import { temporaryFolder } from '../../xnameserver/support.js';

const guest = Xid.of(PrincipalType.HID, '9'.repeat(40));
const STATION = '52:54:00:12:34:56';

type Heard = Record<string, unknown> & { readonly phase: string };

/** Two hosts that answer as `xrouter` does, and what they were told. */
async function twoHosts(prepare: () => unknown) {
  const folder = await temporaryFolder();
  const [atSource, atDestination]: [Heard[], Heard[]] = [[], []];
  const source = await ControlServer.listen(join(folder, 'a.ctl'), {
    guest: (params) => {
      atSource.push(params as Heard);
      if (params['phase'] === 'prepare') return prepare();
      return params['phase'] === 'paused' ? { held: true, prepared: { binding: 'bmV3', station: STATION } } : {};
    },
  });
  const destination = await ControlServer.listen(join(folder, 'b.ctl'), {
    guest: (params) => {
      atDestination.push(params as Heard);
      return params['phase'] === 'place' ? { place: 'cGxhY2U=' } : {};
    },
  });
  const side = { qmp: '', host: '', stateDirectory: '' };
  const hosts = new GuestHosts({ guest, source: { ...side, control: source.path }, destination: { ...side, control: destination.path } });
  await hosts.open();
  const until = async (condition: () => boolean): Promise<void> => {
    for (let tries = 0; tries < 1000 && !condition(); tries++) await sleep(5);
    expect(condition()).toBe(true);
  };
  return { hosts, source, destination, atSource, atDestination, until };
}

describe('the two hosts of a move', () => {
  it('are told in time: what the guest has signed is there before it comes, and the last of it when it stands still', async () => {
    const { hosts, atSource, atDestination, until, source, destination } = await twoHosts(() => ({ binding: 'b2xk', station: null }));
    await using _a = source;
    await using _b = destination;
    hosts.coming();
    await until(() => hosts.prepared === 1);
    hosts.stopped();
    await until(() => hosts.prepared === 2);
    hosts.runsThere();
    await hosts.close();
    expect(atSource.map(({ phase, place }) => [phase, place])).toEqual([
      ['prepare', 'cGxhY2U='],
      ['paused', undefined],
    ]);
    expect(atDestination.map(({ phase, binding, station }) => [phase, binding, station])).toEqual([
      ['coming', undefined, undefined],
      ['place', undefined, undefined],
      ['prepared', 'b2xk', undefined],
      ['prepared', 'bmV3', STATION],
      ['resumed', undefined, undefined],
    ]);
  });

  it('are told the rest when the guest signs nothing, or stays', async () => {
    const { hosts, atSource, atDestination, until, source, destination } = await twoHosts(() => {
      throw new XiaError('timeout', 'it has signed nothing');
    });
    await using _a = source;
    await using _b = destination;
    hosts.coming();
    await until(() => atSource.length === 1);
    hosts.stopped();
    hosts.goesOn();
    hosts.stays();
    await hosts.close();
    expect(atSource.map(({ phase }) => phase)).toEqual(['prepare', 'paused', 'resumed', 'staying']);
    expect(atDestination.map(({ phase }) => phase).filter((phase) => phase !== 'prepared')).toEqual(['coming', 'place', 'not-coming']);
  });

  it('are no hindrance when they are not there', async () => {
    const side = { qmp: '', host: '', stateDirectory: '', control: '/nowhere/host.ctl' };
    const hosts = new GuestHosts({ guest, source: side, destination: side });
    await hosts.open();
    hosts.coming();
    hosts.stopped();
    hosts.runsThere();
    await hosts.close();
    expect(hosts.prepared).toBe(0);
  });
});
