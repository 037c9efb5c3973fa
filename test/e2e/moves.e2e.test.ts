import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlCall, generateIdentity, PrincipalType, Xid, XiaNode } from 'xia-core';
import { GuestHosts } from '../../migrate/src/run/guest-hosts.js';
import { HostNotices } from '../../migrate/src/run/host-notices.js';
import { UpdateWatch } from '../../migrate/src/run/update-watch.js';
import { MachineCard } from './machine-card.js';
import { until } from './programs.js';
import { useTestbed } from './testbed.js';

const NAME = 'mover.xia';
const CARD_NAME = 'card.xia';
const NEAR_NAME = 'near.xia';
const SID = Xid.of(PrincipalType.SID, '7'.repeat(40));
const CLIENT_SID = Xid.of(PrincipalType.SID, '8'.repeat(40));
/** Without QEMU nothing stands still; the rest is for machines that do much else. */
const LIMIT_MS = 10_000;

interface HostNode {
  readonly name: string;
  readonly hid: string;
  readonly control: string;
  /** UNIX sockets of its netdev faces. */
  readonly vms: Readonly<Record<string, string>>;
}

/** A program's node that goes from host to host as a VM does: another link, the same key. */
class Traveller {
  readonly node: XiaNode;
  #face = 0;

  constructor(node: XiaNode) {
    this.node = node;
  }

  static async start(access: string): Promise<Traveller> {
    const traveller = new Traveller(
      await XiaNode.start({
        identity: generateIdentity(),
        role: 'application',
        faces: [{ name: 'link0', role: 'uplink', udp: { listen: '127.0.0.1:0', peers: [access] } }],
        attachTimeoutMs: LIMIT_MS,
      }),
    );
    return traveller;
  }

  async moveTo(access: string): Promise<void> {
    const { reconfigure } = this.node;
    const before = this.node.attachment?.accessPoint;
    const removed = reconfigure.removeFace(reconfigure.faceId(`link${this.#face}`)!);
    this.#face += 1;
    await reconfigure.addFace({ name: `link${this.#face}`, role: 'uplink', udp: { listen: '127.0.0.1:0', peers: [access] } });
    this.node.hint();
    await removed;
    await until(
      () => {
        const now = this.node.attachment?.accessPoint;
        return now !== undefined && (before === undefined || !now.equals(before));
      },
      LIMIT_MS,
      'the node is bound at its new host',
    );
  }
}

describe('a program that moves between hosts of real daemons', () => {
  const testbed = useTestbed('inter-ad');
  const access = new Map<string, string>();
  let vm: Traveller;
  let client: Traveller;

  const allNodes = async (): Promise<HostNode[]> =>
    (JSON.parse(await readFile(join(testbed.path, 'testbed.json'), 'utf8')) as { nodes: HostNode[] }).nodes;

  beforeAll(async () => {
    for (const host of ['HOST_A', 'HOST_B', 'HOST_C']) {
      const told = await testbed.xtestbed('exec', host, '--', process.execPath, '-e', 'console.log(process.env.XIA_HOST)');
      expect(told.code, told.stderr).toBe(0);
      access.set(host, told.stdout.trim());
    }
    vm = await Traveller.start(access.get('HOST_A')!);
    client = await Traveller.start(access.get('HOST_C')!);
  });
  afterAll(async () => {
    await vm.node.close();
    await client.node.close();
  });

  it('keeps its streams, datagrams, echoes, chunks and name, wherever it and its client go', async () => {
    const first = vm.node.dag();
    await vm.node.register(NAME);
    await using server = await vm.node.listen(SID);
    void (async () => {
      for await (const stream of server) stream.pipe(stream);
    })();
    await using backServer = await client.node.listen(CLIENT_SID);
    const accepted = backServer.accept();
    const streams = [await client.node.connect(vm.node.dag(SID)), await vm.node.connect(client.node.dag(CLIENT_SID))];
    (await accepted)!.on('data', function (this: NodeJS.WritableStream, bytes: Buffer) {
      this.write(bytes);
    });
    const heard = streams.map((stream) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      return pieces;
    });
    await using answering = vm.node.datagram();
    answering.on('message', (bytes, from) => answering.send(from, bytes));
    const answeringAt = vm.node.dag(answering.sid);
    await using asking = client.node.datagram();
    const answers: string[] = [];
    asking.on('message', (bytes) => answers.push(Buffer.from(bytes).toString()));
    await using echo = client.node.echo();
    let echoes = 0;
    echo.on('reply', ({ kind }) => {
      if (kind === 'reply') echoes++;
    });

    const said: Buffer[] = [];
    /** Uses everything once, by the addresses of the beginning. */
    const useAll = async (round: string): Promise<void> => {
      const piece = randomBytes(50_000);
      said.push(piece);
      for (const stream of streams) stream.write(piece);
      const chunk = randomBytes(100_000);
      const { dag } = vm.node.publish(chunk);
      expect(Buffer.from(await client.node.fetch(dag)).equals(chunk), round).toBe(true);
      const echoesBefore = echoes;
      await until(
        () => {
          asking.send(answeringAt, Buffer.from(round));
          echo.send(first, { sequence: 1 });
          return answers.includes(round) && echoes > echoesBefore;
        },
        LIMIT_MS,
        `${round}: datagrams and echoes to the first address are answered`,
      );
      const all = Buffer.concat(said);
      await until(() => heard.every((pieces) => Buffer.concat(pieces).equals(all)), LIMIT_MS, `${round}: both streams carry all bytes`);
      await until(
        async () => (await client.node.resolve(NAME, { fresh: true })).equals(vm.node.dag()),
        LIMIT_MS,
        `${round}: the name says where it is`,
      );
    };

    await useAll('before');
    for (const [name, vmHost, clientHost] of [
      ['between ADs', 'HOST_B', undefined],
      ['back, to another host', 'HOST_C', undefined],
      ['both at once', 'HOST_A', 'HOST_B'],
      ['both at once, and back', 'HOST_B', 'HOST_C'],
    ] as const) {
      // Under way while it moves.
      const piece = randomBytes(50_000);
      said.push(piece);
      for (const stream of streams) stream.write(piece);
      const chunk = randomBytes(200_000);
      const fetched = client.node.fetch(vm.node.publish(chunk).dag);
      await Promise.all([vm.moveTo(access.get(vmHost)!), ...(clientHost === undefined ? [] : [client.moveTo(access.get(clientHost)!)])]);
      expect(Buffer.from(await fetched).equals(chunk), name).toBe(true);
      await useAll(name);
    }
    for (const stream of streams) stream.destroy();
  });

  it('is at its next host with what it has signed before, and signs nothing there', async () => {
    const nodes = await allNodes();
    const [a, b] = ['HOST_A', 'HOST_B'].map((name) => nodes.find((node) => node.name === name)!) as [HostNode, HostNode];
    const card = new MachineCard();
    card.run(await card.plug(Object.values(a.vms)[0]!));
    await using machine = await XiaNode.start({ faces: [{ name: card.name, role: card.role, face: card }], attachTimeoutMs: LIMIT_MS });
    const guest = machine.hid;
    const count = (name: string): number => machine.stats()['mobility']![name] ?? 0;
    const countAt = async (node: HostNode, part: string, name: string): Promise<number> =>
      ((await controlCall(node.control, 'show', { what: 'counters' })) as Record<string, Record<string, number>>)[part]![name] ?? 0;
    await using socket = machine.datagram();
    const heard = new Set<number>();
    socket.on('message', (bytes) => heard.add(Buffer.from(bytes).readUInt32BE(0)));
    await using from = client.node.datagram();
    const to = machine.dag(socket.sid);
    let said = 0;
    const say = (): void => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(said++);
      from.send(to, bytes);
    };

    const side = (node: HostNode) => ({ qmp: '', host: '', stateDirectory: '', control: node.control });
    const hosts = new GuestHosts({ guest, source: side(a), destination: side(b) });
    await hosts.open();
    hosts.coming();
    await until(() => hosts.prepared > 0, LIMIT_MS, 'the machine has signed');
    await machine.register(CARD_NAME);
    const controls = [a.control, b.control];
    const watch = await UpdateWatch.start({ guest, name: CARD_NAME, controls, host: access.get('HOST_B')!, trust: undefined });
    const wire = await card.plug(Object.values(b.vms)[0]!);
    await until(() => (say(), heard.size > 0), LIMIT_MS, 'datagrams come');
    await until(() => heard.size === said, LIMIT_MS, 'none is under way');

    card.stop();
    hosts.stopped();
    watch.stopped();
    const timer = setInterval(say, 5);
    const given = hosts.prepared;
    const before = [count('binding:sent'), await countAt(b, 'mobility', 'prepared:released')];
    await until(() => hosts.prepared > given, LIMIT_MS, 'the newest is at the next host');
    const taker = new HostNotices(b.control, guest);
    await taker.open();
    await taker.tell('arriving');
    expect(await countAt(b, 'mobility', 'prepared:released')).toBe(before[1]! + 1);
    await until(async () => (await countAt(b, 'path', 'held')) > 0, LIMIT_MS, 'its packets wait where it will be');

    card.run(wire);
    hosts.runsThere();
    watch.resumed();
    await until(() => String(machine.attachment?.accessPoint) === b.hid, LIMIT_MS, 'it knows where it is');
    expect(count('binding:sent'), 'it has signed nothing since it stopped').toBe(before[0]);
    expect(count('ack:prepared') + count('binding:prepared')).toBeGreaterThan(0);
    const update = await watch.result();
    expect(update?.marks.map(({ where }) => where)).toEqual([...controls.map((path) => `control ${path}`), `name ${CARD_NAME}`]);
    expect(update?.totalMs, JSON.stringify(update)).toBeLessThan(LIMIT_MS);
    await watch.close();
    clearInterval(timer);
    const dropped = async (): Promise<number> => {
      const perNode = await Promise.all(nodes.map(async (node) => countAt(node, 'path', 'hold-expired').catch(() => 0)));
      return perNode.reduce((sum, packets) => sum + packets, 0);
    };
    await until(async () => heard.size + (await dropped()) >= said, LIMIT_MS, 'none is lost, but what has waited for too long');
    await Promise.all([hosts.close(), taker.close()]);
  });

  it('has a name whose record is right all the time between two hosts of one AD, and follows between two ADs', async () => {
    const near = await Traveller.start(access.get('HOST_A')!);
    try {
      await near.node.register(NEAR_NAME);
      for (const host of ['HOST_C', 'HOST_B']) {
        const watch = await UpdateWatch.start({
          guest: undefined,
          name: NEAR_NAME,
          controls: [],
          host: access.get(host)!,
          trust: undefined,
        });
        await near.moveTo(access.get(host)!);
        watch.resumed();
        expect((await watch.result())?.totalMs, host).toBeLessThan(LIMIT_MS);
        await watch.close();
      }
    } finally {
      await near.node.close();
    }
  });

  it('is expected where xmigrate waits for it, and is not any more when that is over', async () => {
    const nodes = await allNodes();
    const host = nodes.find(({ name }) => name === 'HOST_B')!;
    const guest = `HID:${'9'.repeat(40)}`;
    /** The nodes that have a place ready for it. */
    const expectedBy = async (): Promise<string[]> => {
      const views = await Promise.all(
        nodes.map(async ({ name, control }) => {
          const bindings = await controlCall(control, 'show', { what: 'bindings' }).catch(() => []);
          return (bindings as { hid: string; state: string }[]).some(({ hid, state }) => hid === guest && state === 'staged') ? [name] : [];
        }),
      );
      return views.flat();
    };
    const told = ['--host-control', host.control, '--guest', guest];
    const waiting = testbed.begin('HOST_B', 'xmigrate', 'recv', '--vm', 'expected', '--state', join(testbed.folder, 'state'), ...told);
    await until(async () => (await expectedBy()).length === 2, LIMIT_MS, 'the host and its router have a place ready');
    expect(await expectedBy()).toContain('HOST_B');
    waiting.child.kill('SIGTERM');
    await waiting.ended;
    await until(async () => (await expectedBy()).length === 0, LIMIT_MS, 'they have none any more');
  });
});
