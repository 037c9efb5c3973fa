import { PrincipalType, Xid, type Dag } from 'xia-core';
import type { SimNetwork, SimNode } from './network.js';

const SINK_SID = Xid.of(PrincipalType.SID, 'f10e'.repeat(10));

/** Datagrams with a number in them, one every `everyMs`, to the address that a node has at first; and what arrives of them, in order. */
export class PacketFlow {
  readonly arrived: { readonly number: number; readonly at: number }[] = [];
  sent = 0;
  #running = true;

  constructor(network: SimNetwork, from: SimNode, to: SimNode, everyMs: number) {
    const sink = to.stack.datagrams.open(SINK_SID);
    to.stack.bindService(SINK_SID);
    const forward = to.onEvent;
    to.onEvent = (event) => {
      if (event.layer !== 'datagram' || event.socket !== sink) return forward(event);
      for (let datagram = sink.receive(); datagram !== undefined; datagram = sink.receive()) {
        this.arrived.push({ number: new DataView(datagram.payload.slice().buffer).getUint32(0), at: network.now });
      }
    };
    const source = from.stack.datagrams.open();
    const dag: Dag = to.stack.dag(SINK_SID);
    const send = (): void => {
      if (!this.#running) return;
      const payload = new Uint8Array(64);
      new DataView(payload.buffer).setUint32(0, this.sent++);
      from.enter(() => source.send(dag, payload));
      network.queue.at(network.now + everyMs, send);
    };
    send();
  }

  stop(): void {
    this.#running = false;
  }

  get lost(): number {
    return this.sent - new Set(this.arrived.map(({ number }) => number)).size;
  }

  /** How many arrived behind one that was sent after them. */
  get outOfOrder(): number {
    let highest = -1;
    let late = 0;
    for (const { number } of this.arrived) {
      if (number < highest) late++;
      highest = Math.max(highest, number);
    }
    return late;
  }
}
