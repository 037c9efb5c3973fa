import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineLink, ParentChannel } from '../../../migrate/src/channel/index.js';

let folder: string;
let near: Socket;
let far: Socket;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'link-'));
  const server = createServer().listen(join(folder, 'socket'));
  await once(server, 'listening');
  near = connect(join(folder, 'socket'));
  [far] = (await once(server, 'connection')) as [Socket];
  server.close();
});

afterEach(() => {
  near.destroy();
  far.destroy();
  rmSync(folder, { recursive: true, force: true });
});

describe('messages as lines', () => {
  it('are heard in order, also those that came before anybody listened', async () => {
    const [link, other] = [new LineLink(near), new LineLink(far)];
    for (const n of [1, 2, 3]) link.send({ n, text: 'a\nb' });
    expect(await other.first(5_000)).toEqual({ n: 1, text: 'a\nb' });
    const heard: unknown[] = [];
    const gone = new Promise<void>((resolve) => other.listen((message) => heard.push(message), resolve));
    link.send({ n: 4 });
    link.end();
    await gone;
    expect(heard).toEqual([{ n: 2, text: 'a\nb' }, { n: 3, text: 'a\nb' }, { n: 4 }]);
    expect(other.connected).toBe(false);
    // Nobody hears it, and nothing breaks.
    other.send({ n: 5 });
  });

  it('end with whoever says something else', async () => {
    const link = new LineLink(near);
    far.write('what?\n{"n":1}\n');
    expect(await link.first(5_000)).toBeUndefined();
    expect(near.destroyed).toBe(true);
  });

  it('are not waited for without end', async () => {
    expect(await new LineLink(near).first(10)).toBeUndefined();
  });
});

describe('a channel over lines', () => {
  it('tells that the parent has gone, unless the program has ended before', async () => {
    const channel = new ParentChannel(new LineLink(near), 1.5);
    expect(channel.earlierCpuSeconds).toBe(1.5);
    const gone = once(channel.gone, 'abort');
    far.write('{"kind":"go","allow":[],"runs":true}\n{"kind":"stop"}\n');
    expect(await channel.untilGo(AbortSignal.timeout(5_000))).toMatchObject({ kind: 'go', runs: true });
    far.end();
    await gone;

    const after = new ParentChannel(new LineLink(near), 0);
    after.close();
    expect(after.gone.aborted).toBe(false);
  });
});
