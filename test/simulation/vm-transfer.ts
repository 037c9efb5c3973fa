import { contentDag, PrincipalType, Xid, type ConnectionHandle, type Dag } from 'xia-core';
import { Receiver, Sender, type ReceiverOutcome, type SenderOutcome } from '../../migrate/src/protocol/index.js';
import { fakeCipher, sha256 } from '../migrate/protocol/fake-crypto.js';
import type { SimNetwork, SimNode } from './network.js';
import { simCrypto } from './sim-identity.js';
import { StreamRouter } from './stream-pair.js';

const LIMITS = { windowBytes: 262_144, windowChunks: 32, maxChunkBytes: 65_536 };
const CHUNK_BYTES = 16_384;
const HOLD_BACK_BYTES = 4096;

/** A migration between two application nodes by the real protocol: control over STREAM, content as chunks. */
export class VmTransfer {
  readonly #network: SimNetwork;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly output: Uint8Array[] = [];
  sent: SenderOutcome | undefined;
  received: ReceiverOutcome | undefined;
  #wokenFor = Infinity;

  constructor(network: SimNetwork, source: SimNode, destination: SimNode) {
    this.#network = network;
    const serviceSid = new Xid(PrincipalType.SID, network.rng.bytes(20));
    const clientSid = new Xid(PrincipalType.SID, network.rng.bytes(20));
    const sourceRouter = new StreamRouter(source);
    const destinationRouter = new StreamRouter(destination);
    let toDestination: ConnectionHandle | undefined;
    let toSource: ConnectionHandle | undefined;
    this.#sender = new Sender({
      vm: 'vm',
      transfer: network.rng.bytes(16),
      cipher: fakeCipher,
      hash: sha256(),
      limits: LIMITS,
      chunkBytes: CHUNK_BYTES,
      sink: {
        send: (bytes) => source.enter((now) => toDestination!.write(bytes, now)),
        publish: (_sequence, sealed) => {
          const id = simCrypto.hash(sealed);
          source.enter((now) => source.stack.content.publish(id, sealed, now));
          return id;
        },
        unpublish: (cid) => source.stack.content.unpublish(cid),
        persist: () => true,
        onEvent: (event) => {
          if (event.kind === 'finished') this.sent = event.outcome;
        },
      },
    });
    const waiting = new Map<number, number>();
    let nextFetch = 1;
    let sourceDag: Dag | undefined;
    this.#receiver = new Receiver({
      vm: 'vm',
      cipher: fakeCipher,
      hash: sha256(),
      limits: LIMITS,
      holdBackBytes: HOLD_BACK_BYTES,
      sink: {
        send: (bytes) => destination.enter((now) => toSource!.write(bytes, now)),
        fetch: (sequence, cid, length) => {
          const id = nextFetch++;
          waiting.set(id, sequence);
          const { nodes } = sourceDag!;
          const [ad, hid] = [
            nodes.find(({ xid }) => xid.type === PrincipalType.AD)!.xid,
            nodes.find(({ xid }) => xid.type === PrincipalType.HID)!.xid,
          ];
          const dag = contentDag(ad, hid, new Xid(PrincipalType.CID, cid.slice()));
          // Not from inside the machine: a cached chunk may be answered before this returns.
          network.queue.at(network.now, (now) => destination.enter(() => destination.stack.fetcher.fetch(dag, now, { id, length })));
        },
        emit: (chunk) => {
          this.output.push(chunk.plaintext.slice());
          network.queue.at(network.now, (now) => {
            this.#receiver.handedOn(chunk, now);
            this.#rearm();
          });
        },
        persist: () => true,
        onEvent: (event) => {
          if (event.kind === 'finished') this.received = event.outcome;
        },
      },
    });
    const forward = destination.onEvent;
    destination.onEvent = (event) => {
      if (event.layer !== 'fetch') return forward(event);
      const sequence = waiting.get(event.event.id)!;
      if (event.event.kind === 'done') this.#receiver.chunkArrived(sequence, event.event.bytes, network.now);
      else this.#receiver.chunkFailed(sequence, event.event.code, network.now);
      this.#rearm();
    };
    destinationRouter.listen(serviceSid, (connection) => {
      toSource = connection;
      sourceDag = connection.peerDag;
      this.#receiver.streamOpened(network.now);
      return (event) => {
        if (event.kind === 'readable') this.#feed(connection, destination, (bytes, now) => this.#receiver.streamBytes(bytes, now));
        if (event.kind === 'closed') this.#receiver.streamClosed(`code ${event.code}`, network.now);
        this.#rearm();
      };
    });
    sourceRouter.connect(destination.stack.dag(serviceSid), clientSid, (connection) => {
      toDestination = connection;
      return (event) => {
        if (event.kind === 'connected') this.#sender.streamOpened(network.now);
        if (event.kind === 'readable') this.#feed(connection, source, (bytes, now) => this.#sender.streamBytes(bytes, now));
        if (event.kind === 'closed') this.#sender.streamClosed(`code ${event.code}`, network.now);
        this.#rearm();
      };
    });
  }

  get wantsInput(): boolean {
    return this.#sender.wantsInput;
  }

  input(piece: Uint8Array): void {
    this.#sender.input(piece, this.#network.now);
    this.#rearm();
  }

  inputEnded(): void {
    this.#sender.inputEnded(this.#network.now);
    this.#rearm();
  }

  #feed(connection: ConnectionHandle, node: SimNode, take: (bytes: Uint8Array, now: number) => void): void {
    for (;;) {
      const bytes = node.enter((now) => connection.read(65_536, now));
      if (bytes === undefined) return;
      take(bytes.slice(), this.#network.now);
    }
  }

  #rearm(): void {
    const next = Math.min(this.#sender.nextTimeout(), this.#receiver.nextTimeout());
    if (next >= this.#wokenFor) return;
    this.#wokenFor = next;
    this.#network.queue.at(next, (now) => {
      if (this.#wokenFor !== next) return;
      this.#wokenFor = Infinity;
      if (this.#sender.nextTimeout() <= now) this.#sender.handleTimeout(now);
      if (this.#receiver.nextTimeout() <= now) this.#receiver.handleTimeout(now);
      this.#rearm();
    });
  }
}
