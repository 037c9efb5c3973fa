import type { NodeStack } from '../stack/index.js';
import type { Xid } from '../xid/index.js';
import { DatagramSocket } from './datagram-socket.js';
import type { Enter } from './stream-socket.js';

/** The DGRAM sockets of a node, by their SIDs. */
export class DatagramSockets {
  readonly #stack: NodeStack;
  readonly #enter: Enter;
  readonly #sockets = new Map<string, DatagramSocket>();

  constructor(stack: NodeStack, enter: Enter) {
    this.#stack = stack;
    this.#enter = enter;
  }

  /** Without a SID it gets one of its own. @throws XiaError `address-in-use`, `limit-reached` */
  open(sid: Xid | undefined): DatagramSocket {
    const stack = this.#stack;
    const handle = stack.datagrams.open(sid);
    stack.bindService(handle.sid);
    const onClose = (): void => {
      this.#sockets.delete(handle.sid.key);
      stack.unbindService(handle.sid);
    };
    const socket = new DatagramSocket(handle, this.#enter, () => stack.dag(handle.sid), onClose);
    this.#sockets.set(handle.sid.key, socket);
    return socket;
  }

  /** Something has come for a SID. */
  handle(sid: Xid): void {
    this.#sockets.get(sid.key)?.onReadable();
  }

  async closeAll(): Promise<void> {
    for (const socket of this.#sockets.values()) await socket.close();
  }
}
