import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { captureHandler } from '../../../xia-core/src/app/capture-stream.js';
import type { StreamEnd } from '../../../xia-core/src/app/control-connection.js';
import { ControlServer } from '../../../xia-core/src/app/control-server.js';
import { ControlStream } from '../../../xia-core/src/app/control-stream.js';
import { EventQueue, MAXIMUM_QUEUED_BYTES } from '../../../xia-core/src/app/event-queue.js';
import { XiaError } from '../../../xia-core/src/bytes/index.js';
import { startApplication, startRouter } from '../node/testbed.js';

let folder = '';
let path = '';
let server: ControlServer | undefined;
let queue: EventQueue | undefined;
let ends: StreamEnd[] = [];

/** A server with one stream, whose queue the test fills. */
async function serve(): Promise<void> {
  ends = [];
  server = await ControlServer.listen(
    path,
    { ping: () => 'pong' },
    {
      follow: ({ fail }, events) => {
        if (fail === true) throw new XiaError('limit-reached', 'too many');
        queue = events;
        return {
          result: 'begun',
          stop: (why) => {
            ends.push(why);
            events.push({ end: why });
          },
        };
      },
    },
  );
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xia-stream-'));
  path = join(folder, 'n.ctl');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function all(stream: ControlStream): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of stream.events()) events.push(event);
  return events;
}

describe('a stream of events over a control socket', () => {
  it('follows its answer, in order, until the client ends it', async () => {
    await serve();
    const stream = await ControlStream.open(path, 'follow');
    expect(stream.result).toBe('begun');
    for (let n = 0; n < 3; n++) if (queue!.accepts()) queue!.push({ n });
    stream.end();
    expect(await all(stream)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { end: 'client' }]);
    expect(ends).toEqual(['client']);
  });

  it('gives its last event before the daemon ends', async () => {
    await serve();
    const stream = await ControlStream.open(path, 'follow');
    queue!.push({ n: 1 });
    const events = all(stream);
    await server!.close();
    server = undefined;
    expect(await events).toEqual([{ n: 1 }, { end: 'daemon' }]);
  });

  it('stops once when the client goes away', async () => {
    await serve();
    const stream = await ControlStream.open(path, 'follow');
    const gone = new Promise<void>((resolve) => {
      const look = () => (ends.length > 0 ? resolve() : setImmediate(look));
      look();
    });
    stream.close();
    await gone;
    expect(ends).toHaveLength(1);
    expect(queue!.accepts()).toBe(false);
  });

  it('drops and counts what a slow reader has no room for', async () => {
    await serve();
    const socket = connect(path);
    socket.write(`${JSON.stringify({ id: 1, method: 'follow' })}\n`);
    await new Promise((resolve) => socket.once('readable', resolve));
    // From here on nobody reads.
    const event = { text: 'x'.repeat(60_000) };
    let accepted = 0;
    for (let n = 0; n < 1000; n++) {
      if (!queue!.accepts()) continue;
      accepted++;
      queue!.push(event);
    }
    const gauge = server!.gauges().find(({ name }) => name === 'largest queue of events');
    expect(gauge).toMatchObject({ name: 'largest queue of events', unit: 'bytes', refused: 1000 - accepted, bound: 8 * 1024 * 1024 });
    expect(queue!.dropped).toBe(1000 - accepted);
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(200);
    expect(gauge!.highWater).toBeLessThan(gauge!.bound + 65_000);
    socket.destroy();
  });

  it('is refused with a reason', async () => {
    await serve();
    await expect(ControlStream.open(path, 'follow', { fail: true })).rejects.toMatchObject({ code: 'limit-reached', message: 'too many' });
    await expect(ControlStream.open(path, 'other')).rejects.toMatchObject({ code: 'bad-request' });
    await expect(ControlStream.open(join(folder, 'none'), 'follow')).rejects.toMatchObject({ code: 'control-unreachable' });
  });
});

describe('the capture of a node over its control socket', () => {
  it('counts what its client had no room for', async () => {
    const router = await startRouter();
    const application = await startApplication(router.access);
    const written: string[] = [];
    const socket = { writable: true, writableLength: 0, write: (text: string) => written.push(text) };
    const { stop } = captureHandler(router.node)(
      { filter: 'in xcmp' },
      new EventQueue(socket as unknown as Socket, 1, { mostBytes: 0, dropped: 0 }),
    );
    await using echo = application.echo();
    for (const waiting of [0, MAXIMUM_QUEUED_BYTES, MAXIMUM_QUEUED_BYTES + 1]) {
      socket.writableLength = waiting;
      const answered = new Promise((resolve) => echo.once('reply', resolve));
      echo.send(router.node.dag(), { sequence: waiting & 0xff });
      await answered;
    }
    stop('client');
    expect(written.map((line) => Object.keys(JSON.parse(line).event)[0])).toEqual(['packet', 'end']);
    expect(JSON.parse(written[1]!).event.end.faces[0]).toEqual({ name: 'access', captured: 1, dropped: 2 });
    await application.close();
    await router.node.close();
  });

  it('counts by face, and refuses faces, filters and lengths that it does not know', async () => {
    const router = await startRouter();
    const application = await startApplication(router.access);
    server = await ControlServer.listen(path, {}, { capture: captureHandler(router.node) });
    const stream = await ControlStream.open(path, 'capture', { filter: 'in face access', snaplen: 64 });
    expect(stream.result).toEqual({
      snaplen: 64,
      faces: [
        { name: 'access', mtu: 65_507, description: expect.stringMatching(/^access 127\.0\.0\.1:\d+$/) },
        { name: 'link', mtu: 65_507, description: expect.stringMatching(/^peer 127\.0\.0\.1:\d+$/) },
      ],
    });
    await using echo = application.echo();
    const answered = new Promise((resolve) => echo.once('reply', resolve));
    echo.send(router.node.dag(), { sequence: 1 });
    await answered;
    stream.end();
    const events = (await all(stream)) as { packet?: { length: number; bytes: string }; end?: object }[];
    const packets = events.flatMap(({ packet }) => packet ?? []);
    expect(packets.length).toBeGreaterThan(0);
    for (const { length, bytes } of packets) expect(Buffer.from(bytes, 'base64')).toHaveLength(Math.min(64, length));
    expect(events.at(-1)).toEqual({
      end: {
        reason: 'client',
        faces: [
          { name: 'access', captured: packets.length, dropped: 0 },
          { name: 'link', captured: 0, dropped: 0 },
        ],
      },
    });
    const open = async (params: Record<string, unknown>) => ControlStream.open(path, 'capture', params);
    const message = 'there is no face "nowhere"; there are access, link';
    await expect(open({ filter: 'face nowhere' })).rejects.toMatchObject({ code: 'usage', message });
    await expect(open({ filter: 'tcp' })).rejects.toMatchObject({ code: 'usage' });
    await expect(open({ snaplen: 1 })).rejects.toMatchObject({ code: 'bad-request' });
    await expect(open({ what: 1 })).rejects.toMatchObject({ code: 'bad-request' });
    await application.close();
    await router.node.close();
  });
});
