import { describe, expect, it } from 'vitest';
import { RttEstimator } from '../../../xia-core/src/congestion/rtt-estimator.js';
import { LossRecovery } from '../../../xia-core/src/transport/loss-recovery.js';
import { StreamPacketView } from '../../../xia-core/src/wire/stream.js';
import { StreamPacketWriter } from '../../../xia-core/src/wire/stream-writer.js';

/** A timed script of what one sender does and hears; `log` has what became of its packets: "105 lost 3". */
class Script {
  readonly log: string[] = [];
  readonly rtt = new RttEstimator({ initialMs: 100 });
  readonly recovery: LossRecovery;
  #now = 0;

  constructor() {
    const note = (what: string, number: number): void => void this.log.push(`${this.#now} ${what} ${number}`);
    const sink = {
      packetAcked: (_control: number, number: number) => note('acked', number),
      packetLost: (_control: number, number: number, _length: number, bytes: number) => note(bytes > 0 ? 'lost' : 'again', number),
    };
    this.recovery = new LossRecovery(this.rtt, sink, { maxAckDelayMs: 25, timeoutCapMs: 400 });
  }

  /** Sends so many packets of 1000 bytes. */
  send(now: number, count = 1): this {
    for (let i = 0; i < count; i++) this.recovery.sent(now, 1000, 1, this.recovery.nextPacketNumber, 1000);
    return this;
  }

  /** Hears an ACK of ranges, newest first: [[first, last], ...]. */
  ack(now: number, ...ranges: ReadonlyArray<readonly [number, number]>): number {
    this.#now = now;
    const writer = new StreamPacketWriter();
    writer.beginData(1, 1, 0);
    writer.ack(0, ranges.length, ranges[0]![0], ranges[0]![1]);
    for (let i = 1; i < ranges.length; i++) writer.ackRange(ranges[i - 1]![0], ranges[i]![0], ranges[i]![1]);
    const view = new StreamPacketView();
    expect(view.reset(writer.finish().slice())).toBeUndefined();
    view.nextFrame();
    const acked = this.recovery.acknowledged(view, now);
    this.recovery.detect(now);
    return acked;
  }

  /** Time passes up to the next deadline of a loss. */
  expire(): number {
    this.#now = this.recovery.lossAtMs;
    this.recovery.detect(this.#now);
    return this.#now;
  }

  get lost(): string[] {
    return this.log.filter((line) => line.includes('lost'));
  }
}

describe('loss recovery, by script', () => {
  it('takes a packet for lost when three later ones have arrived, not two', () => {
    const s = new Script().send(0, 5);
    s.ack(50, [1, 2]);
    expect(s.lost).toEqual([]);
    s.ack(51, [1, 3]);
    expect(s.lost).toEqual(['51 lost 0']);
  });

  it('takes it for lost 9/8 of a round trip after it left, when a later one has arrived', () => {
    const s = new Script().send(0).send(40, 2);
    s.ack(90, [1, 1]);
    expect(s.lost).toEqual(['90 lost 0']);
    const later = new Script().send(0, 2);
    later.ack(40, [1, 1]);
    expect(later.recovery.lossAtMs).toBe(45);
    later.expire();
    expect(later.lost).toEqual(['45 lost 0']);
  });

  it('probes after smoothed + 4 deviations + delay, doubles that, and never waits longer than 400 ms', () => {
    const s = new Script().send(0);
    s.ack(40, [0, 0]);
    s.send(100);
    const base = 40 + 4 * 20 + 25;
    const waits: number[] = [];
    for (let at = 100; waits.length < 5;) {
      const next = s.recovery.probeAtMs;
      waits.push(next - at);
      s.recovery.timedOut(next);
      at = next;
    }
    expect(waits).toEqual([base, 2 * base, 400, 400, 400]);
    s.recovery.repeatOldest(2);
    expect(s.log.at(-1)).toMatch(/again 1$/);
    s.ack(2000, [1, 1]);
    expect(s.recovery.timeouts).toBe(0);
  });

  it('calls it persistent congestion when all packets over three probe timeouts are lost, and only then', () => {
    const run = (survivor: number | undefined): boolean => {
      const s = new Script().send(0);
      s.ack(40, [0, 0]);
      for (let i = 0; i < 10; i++) s.send(100 + i * 60);
      s.send(900, 4);
      if (survivor === undefined) s.ack(940, [11, 14]);
      else if (survivor === 10) s.ack(940, [10, 14]);
      else s.ack(940, [11, 14], [survivor, survivor]);
      return s.recovery.persistent;
    };
    expect(run(undefined)).toBe(true);
    expect(run(5)).toBe(false);
    expect(run(10)).toBe(true);
  });

  it('learns that packets come late: takes the loss back, and is more patient with the next', () => {
    const s = new Script().send(0, 10);
    s.ack(50, [1, 6]);
    expect(s.lost).toEqual(['50 lost 0']);
    s.ack(52, [0, 6]);
    expect(s.recovery.spurious).toBe(true);
    expect(s.log).toContain('52 acked 0');
    s.ack(53, [0, 9]);
    s.send(60, 10);
    s.ack(110, [11, 16], [0, 9]);
    expect(s.lost).toHaveLength(1);
    s.ack(111, [11, 18], [0, 9]);
    expect(s.lost).toEqual(['50 lost 0', '111 lost 10']);
  });

  it('takes nothing back while one of the losses was real', () => {
    const s = new Script().send(0, 10);
    s.ack(50, [2, 6]);
    expect(s.lost).toHaveLength(2);
    s.ack(52, [1, 6]);
    expect(s.recovery.spurious).toBe(false);
    s.ack(54, [0, 6]);
    expect(s.recovery.spurious).toBe(true);
  });

  it('forgets how the old path reordered', () => {
    const s = new Script().send(0, 10);
    s.ack(50, [1, 6]);
    s.ack(52, [0, 9]);
    s.recovery.pathChanged();
    s.send(60, 5);
    s.ack(110, [11, 13], [0, 9]);
    expect(s.lost).toContain('110 lost 10');
  });

  it('does not believe an ACK of what was never sent', () => {
    const s = new Script().send(0, 2);
    expect(s.ack(50, [0, 2])).toBe(-1);
    expect([s.recovery.packetsInFlight, s.log]).toEqual([2, []]);
  });

  it('counts bytes once, however often they are acknowledged', () => {
    const s = new Script().send(0, 4);
    expect([s.ack(50, [0, 1]), s.ack(50, [0, 1]), s.ack(51, [0, 3])]).toEqual([2000, 0, 2000]);
    expect(s.recovery.bytesInFlight).toBe(0);
    expect(s.recovery.sample(true, 51)).toMatchObject({ deliveredBytes: 4000, inFlightBytes: 0, limited: true });
  });
});
