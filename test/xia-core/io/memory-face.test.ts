import { describe, expect, test } from 'vitest';
import { MemoryFace, memoryFacePair } from '../../../xia-core/src/io/memory-face.js';
import { RecordingHandler } from './recording-handler.js';

const role = 'peer';

describe('MemoryFace', () => {
  test('a pair exchanges packets and each hears that the link is up', async () => {
    const [a, b] = memoryFacePair({ name: 'a', role }, { name: 'b', role });
    const [atA, atB] = [new RecordingHandler(), new RecordingHandler()];
    await a.open(atA);
    await b.open(atB);
    expect([atA.announcements, atB.announcements]).toEqual([[1], [1]]);
    expect(a.send(1, Buffer.from('one'))).toBe(true);
    expect(b.send(0, Buffer.from('two'))).toBe(true);
    expect(atB.packets).toEqual([]);
    await Promise.resolve();
    expect([atB.texts(), atA.texts()]).toEqual([['one'], ['two']]);
    expect(a.counters).toMatchObject({ packetsOut: 1, bytesOut: 3, packetsIn: 1, bytesIn: 3 });
    expect(a.describe()).toEqual({ address: 'memory:a', neighbours: [{ id: 1, address: 'memory:b' }] });
  });

  test('a packet in two parts arrives as one', async () => {
    const [a, b] = memoryFacePair({ name: 'a', role, mtu: 7 }, { name: 'b', role });
    const heard = new RecordingHandler();
    await a.open(new RecordingHandler());
    await b.open(heard);
    expect(a.send(1, Buffer.from('one'), Buffer.from(' two'))).toBe(true);
    expect(a.send(0, Buffer.from('one'), Buffer.from(' three'))).toBe(false);
    await Promise.resolve();
    expect(heard.texts()).toEqual(['one two']);
    expect(a.counters).toMatchObject({ packetsOut: 1, bytesOut: 7, droppedTooBig: 1 });
  });

  test('what the receiver does to a packet does not show at the sender, not even for a Buffer', async () => {
    const [a, b] = memoryFacePair({ name: 'a', role }, { name: 'b', role });
    await a.open(new RecordingHandler());
    await b.open(Object.assign(new RecordingHandler(), { packet: (_: number, bytes: Uint8Array) => bytes.fill(0) }));
    const packet = Buffer.from('keep me');
    a.send(1, packet);
    await Promise.resolve();
    expect(packet.toString()).toBe('keep me');
  });

  test('one face can have several neighbours; 0 is all of them', async () => {
    const [hub, x, y] = ['hub', 'x', 'y'].map((name) => new MemoryFace({ name, role }));
    const handlers = [new RecordingHandler(), new RecordingHandler(), new RecordingHandler()];
    await Promise.all([hub, x, y].map((face, i) => face!.open(handlers[i]!)));
    expect(MemoryFace.connect(hub!, x!)).toEqual({ idAtA: 1, idAtB: 1 });
    expect(MemoryFace.connect(hub!, y!)).toEqual({ idAtA: 2, idAtB: 1 });
    expect(handlers[0]!.announcements).toEqual([1, 2]);
    hub!.send(0, Buffer.from('all'));
    y!.send(1, Buffer.from('from y'));
    await Promise.resolve();
    expect([handlers[1]!.texts(), handlers[2]!.texts()]).toEqual([['all'], ['all']]);
    expect(handlers[0]!.packets).toEqual([{ neighbour: 2, bytes: Buffer.from('from y') }]);
    await y!.close();
    expect(handlers[0]!.departures).toEqual([2]);
    expect(hub!.send(2, Buffer.from('x'))).toBe(false);
    expect(hub!.counters.droppedNoNeighbour).toBe(1);
  });

  test('drops and counts what is too big, and what exceeds the queue', async () => {
    const deliveries: (() => void)[] = [];
    const schedule = (deliver: () => void) => void deliveries.push(deliver);
    const [a, b] = memoryFacePair({ name: 'a', role, mtu: 4 }, { name: 'b', role, schedule, queuePackets: 2 });
    const atB = new RecordingHandler();
    await a.open(new RecordingHandler());
    await b.open(atB);
    expect(a.send(1, Buffer.from('12345'))).toBe(false);
    expect(['1', '2', '3'].map((text) => a.send(1, Buffer.from(text)))).toEqual([true, true, false]);
    expect(a.counters).toMatchObject({ droppedTooBig: 1, droppedQueueFull: 1, packetsOut: 2 });
    expect(deliveries.length).toBe(1);
    deliveries[0]!();
    expect(atB.texts()).toEqual(['1', '2']);
  });
});
