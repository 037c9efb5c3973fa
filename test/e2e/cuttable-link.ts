import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A UDP link between one node and an address, which can be cut: what is sent meanwhile is lost. */
export class CuttableLink {
  isCut = false;
  readonly #near: Socket;
  readonly #far: Socket;
  #node: RemoteInfo | undefined;

  private constructor(near: Socket, far: Socket, to: { host: string; port: number }) {
    this.#near = near;
    this.#far = far;
    near.on('message', (bytes, from) => {
      this.#node = from;
      if (!this.isCut) far.send(bytes, to.port, to.host);
    });
    far.on('message', (bytes) => {
      if (!this.isCut && this.#node !== undefined) near.send(bytes, this.#node.port, this.#node.address);
    });
  }

  static async to(address: string): Promise<CuttableLink> {
    const [host = '', port = ''] = address.split(':');
    const open = async () => {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      return socket;
    };
    return new CuttableLink(await open(), await open(), { host, port: Number(port) });
  }

  /** What the node is to attach to instead. */
  get address(): string {
    return `127.0.0.1:${this.#near.address().port}`;
  }

  close(): void {
    this.#near.close();
    this.#far.close();
  }
}
