import {
  Receiver,
  Sender,
  type DestinationMark,
  type ReceiverOutcome,
  type SenderOutcome,
  type SourceMark,
} from '../../migrate/src/protocol/index.js';
import { SeededRandom } from '../../xia-core/src/bytes/random.js';
import { cidOf, fakeCipher, sha256 } from '../migrate/protocol/fake-crypto.js';
import { Mortal, OwnershipHost } from './ownership-host.js';

const LIMITS = { windowBytes: 4096, windowChunks: 8, maxChunkBytes: 512 };
const END_OF_TIME_MS = 400_000;
const MANY_STEPS = 1e9;
const STEPS_OF_A_TRANSFER = 16;

export interface OwnershipStory {
  readonly source: OwnershipHost;
  readonly destination: OwnershipHost;
  readonly sent: SenderOutcome | undefined;
  readonly received: ReceiverOutcome | undefined;
  readonly violations: readonly string[];
  /** What was done, in order. */
  readonly log: readonly string[];
}

/**
 * A whole migration with its two QEMUs and state files, in virtual time: either process is killed before any of its steps, the
 * link is cut or holds everything up for a while, QEMU fails to load. Then an operator does what `xmigrate status` says,
 * and is killed at it too.
 */
export function tellOwnership(seed: number): OwnershipStory {
  const random = new SeededRandom(seed);
  const log: string[] = [];
  const violations: string[] = [];
  let now = 0;
  let order = 0;
  let queue: { at: number; order: number; run: () => void }[] = [];
  const after = (ms: number, run: () => void) => void queue.push({ at: now + ms, order: order++, run });
  const delay = (ms: number) => random.unit() * ms;

  const look = () => {
    log.push(`${Math.round(now)} ${source.record?.phase}/${source.guest} ${destination.record?.phase}/${destination.guest}`);
    if (source.guest === 'running' && destination.guest === 'running') violations.push('both run');
  };
  const source: OwnershipHost = new OwnershipHost('source', () => look());
  const destination: OwnershipHost = new OwnershipHost('destination', () => look());

  const kills = random.below(4);
  const lifeOf = (isMortal: boolean) => (isMortal ? random.below(STEPS_OF_A_TRANSFER) : MANY_STEPS);
  let inputAt = 0;
  const input = random.bytes(300 + random.below(1200));
  const sendProcess = new Mortal(lifeOf((kills & 1) !== 0), () => {
    log.push('send killed');
    // QEMU sees its socket close: a stream that it has not written whole makes it go on.
    after(delay(5), () => inputAt < input.length && source.guest === 'stopped' && source.setGuest('running'));
    // What has left it still arrives.
    after(delay(60), cut);
  });
  const recvProcess = new Mortal(lifeOf((kills & 2) !== 0), () => {
    log.push('recv killed');
    after(delay(60), cut);
  });
  source.process = sendProcess;
  destination.process = recvProcess;

  let wire = 0;
  let isUp = false;
  /** An outage holds up what is under way; the streams repair what it loses. */
  let outageUntil = 0;
  let arrivals = { source: 0, destination: 0 };
  const carry = (bytes: Uint8Array, towards: 'source' | 'destination') => {
    const [process, ours] = [towards === 'source' ? recvProcess : sendProcess, wire];
    process.step();
    const at = Math.max(arrivals[towards], outageUntil, now + delay(random.below(8) === 0 ? 80 : 4));
    arrivals[towards] = at;
    after(at - now, () => {
      if (ours !== wire || !isUp) return;
      if (towards === 'source') sendProcess.act(() => sender.streamBytes(bytes, now));
      else recvProcess.act(() => receiver.streamBytes(bytes, now));
    });
  };
  const cut = () => {
    if (!isUp) return;
    const ours = wire;
    isUp = false;
    after(delay(60), () => ours === wire && sendProcess.act(() => sender.streamClosed('cut', now)));
    after(delay(60), () => ours === wire && recvProcess.act(() => receiver.streamClosed('cut', now)));
  };
  let heals = true;
  const connect = () =>
    after(delay(20), () => {
      if (!sendProcess.alive) return;
      if (!recvProcess.alive || received !== undefined || !heals) return sendProcess.act(() => sender.streamClosed('nobody answers', now));
      wire += 1;
      isUp = true;
      arrivals = { source: now, destination: now };
      recvProcess.act(() => receiver.streamOpened(now));
      sendProcess.act(() => sender.streamOpened(now));
    });

  let sent: SenderOutcome | undefined;
  let received: ReceiverOutcome | undefined;
  const chunks = new Map<string, Uint8Array>();
  const keyOf = (cid: Uint8Array) => Buffer.from(cid).toString('hex');
  const sender = new Sender({
    vm: 'vm1',
    transfer: new Uint8Array(16).fill(7),
    cipher: fakeCipher,
    hash: sha256(),
    limits: LIMITS,
    chunkBytes: 400,
    sink: {
      send: (bytes) => carry(bytes, 'destination'),
      publish(_sequence, sealed) {
        chunks.set(keyOf(cidOf(sealed)), sealed);
        return cidOf(sealed);
      },
      unpublish: (cid) => void chunks.delete(keyOf(cid)),
      persist(mark: SourceMark) {
        return source.tryWrite({ role: 'source', phase: mark }, sendProcess);
      },
      onEvent(event) {
        if (event.kind === 'reconnect') connect();
        if (event.kind === 'finished') after(0, () => sendProcess.act(() => concludeSend(event.outcome)));
      },
    },
  });
  const concludeSend = (outcome: SenderOutcome) => {
    if (outcome.kind === 'handed-over') source.tryWrite({ role: 'source', phase: 'gone' }, sendProcess);
    // As `writeStays`: what was never given up may run whatever is written.
    if (outcome.kind === 'aborted' && (source.tryWrite({ role: 'source', phase: 'running' }, sendProcess) || source.mayRunOn)) {
      sendProcess.step();
      source.run();
    }
    sent = outcome;
    sendProcess.alive = false;
  };

  const failsToLoad = random.below(10) === 0;
  const receiver = new Receiver({
    vm: 'vm1',
    cipher: fakeCipher,
    hash: sha256(),
    limits: LIMITS,
    loadsFirst: true,
    sink: {
      send: (bytes) => carry(bytes, 'source'),
      fetch(sequence, cid) {
        after(Math.max(outageUntil - now, 0) + delay(6), () =>
          recvProcess.act(() => {
            const bytes = sendProcess.alive ? chunks.get(keyOf(cid)) : undefined;
            if (bytes === undefined) receiver.chunkFailed(sequence, 'nobody has it', now);
            else receiver.chunkArrived(sequence, bytes, now);
          }),
        );
      },
      emit: (chunk) => after(delay(2), () => recvProcess.act(() => receiver.handedOn(chunk, now))),
      persist(mark: DestinationMark) {
        return destination.tryWrite({ role: 'destination', phase: mark }, recvProcess);
      },
      onEvent(event) {
        if (event.kind === 'loading') after(delay(40), load);
        if (event.kind === 'taking') {
          recvProcess.step();
          destination.run();
          if (destination.guest !== 'running') violations.push('the destination took what it had not loaded');
        }
        if (event.kind === 'finished') after(0, () => recvProcess.act(() => concludeReceive(event.outcome)));
      },
    },
  });
  const load = () => {
    if (destination.guest !== 'waiting') return;
    // QEMU has the whole stream, whatever becomes of the program.
    destination.setGuest(failsToLoad ? 'gone' : 'loaded');
    recvProcess.act(() => (failsToLoad ? receiver.loadFailed('wrong machine', now) : receiver.loaded(now)));
  };
  const concludeReceive = (outcome: ReceiverOutcome) => {
    if (outcome.kind === 'aborted' && outcome.isUnwritten !== true) {
      recvProcess.step();
      destination.hold();
    }
    received = outcome;
    recvProcess.alive = false;
  };

  const write = () =>
    sendProcess.act(() => {
      if (sender.isFinished) {
        // Its socket is closed: what QEMU has not written whole it sees fail.
        if (inputAt < input.length && source.guest === 'stopped') source.setGuest('running');
        return;
      }
      if (sender.wantsInput) {
        if (inputAt === input.length) return sender.inputEnded(now);
        // The last pass is written with the guest stopped.
        const piece = input.slice(inputAt, inputAt + 1 + random.below(500));
        inputAt += piece.length;
        if (inputAt > input.length / 2 && source.guest === 'running') source.setGuest('stopped');
        sender.input(piece, now);
      }
      after(delay(3), write);
    });

  sendProcess.act(() => source.write({ role: 'source', phase: 'sending' }, sendProcess));
  connect();
  after(0, write);
  for (let faults = random.below(3); faults > 0; faults--) {
    const kind = random.below(7);
    const [forMs, whose] = [delay(300), random.below(2) === 0 ? source : destination];
    after(delay(150), () => {
      if (kind >= 4) {
        whose.disk = () => (['full', 'unsure', 'works'] as const)[random.below(3)]!;
        log.push(`the disk of the ${whose.role} fails now and then`);
        return after(forMs, () => (whose.disk = () => 'works'));
      }
      if (kind === 0) heals = false;
      if (kind < 2) cut();
      else if (kind === 2) outageUntil = now + delay(70_000);
      else sendProcess.act(() => void sender.abort('cancelled', 'Ctrl-C', now));
    });
  }

  for (;;) {
    const next = queue.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
    const senderAt = sendProcess.alive ? sender.nextTimeout() : Infinity;
    const receiverAt = recvProcess.alive ? receiver.nextTimeout() : Infinity;
    const at = Math.min(next?.at ?? Infinity, senderAt, receiverAt);
    if (at > END_OF_TIME_MS) break;
    now = Math.max(now, at);
    if (next !== undefined && next.at <= at) {
      queue = queue.filter((entry) => entry !== next);
      next.run();
    } else if (senderAt <= receiverAt) sendProcess.act(() => sender.handleTimeout(now));
    else recvProcess.act(() => receiver.handleTimeout(now));
  }
  // One that waits for a source that never came is stopped by its operator, who was told that it waits.
  if (recvProcess.alive) recvProcess.act(() => void receiver.abort('cancelled', 'Ctrl-C', now));
  recvProcess.alive = false;
  if (sendProcess.alive) violations.push('the sender waits for ever');
  sendProcess.alive = false;
  look();
  for (const host of [source, destination]) host.disk = () => 'works';
  mend(random, [source, destination], log);
  look();
  return { source, destination, sent, received, violations, log };
}

/** The operators of both hosts, in any order, again and again, and now and then killed at it; the last rounds undisturbed. */
function mend(random: SeededRandom, hosts: readonly [OwnershipHost, OwnershipHost], log: string[]): void {
  for (let round = 0; round < 8; round++) {
    const at = random.below(2);
    const [host, peer] = at === 0 ? hosts : [hosts[1], hosts[0]];
    const life = round < 4 && random.below(3) === 0 ? random.below(5) : MANY_STEPS;
    const operator = new Mortal(life, () => log.push('operator killed'));
    if (host.followAdvice(peer, operator)) log.push(`advice at the ${host.role}`);
  }
  for (const [host, peer] of [hosts, [hosts[1], hosts[0]] as const, hosts])
    host.followAdvice(peer, new Mortal(MANY_STEPS, () => undefined));
}
