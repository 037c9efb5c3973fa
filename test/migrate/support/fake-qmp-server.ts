import { createServer, type Server, type Socket } from 'node:net';

interface Command {
  readonly execute: string;
  readonly arguments: Record<string, unknown>;
  readonly id: number;
}

const GREETING = { QMP: { version: { qemu: { micro: 22, minor: 2, major: 7 }, package: 'test' }, capabilities: ['oob'] } };

/** Plays QEMU's monitor. What it answers is decided by the test; `qmp_capabilities` is accepted unless the test says otherwise. */
export class FakeQmpServer {
  readonly commands: Command[] = [];
  greeting: string = `${JSON.stringify(GREETING)}\r\n`;
  onCommand: (command: Command) => unknown = () => ({ return: {} });
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async listen(path: string): Promise<FakeQmpServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return new FakeQmpServer(server);
  }

  /** Sends an object as a line, or a text as it is. */
  send(message: unknown): void {
    for (const socket of this.#sockets) socket.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\r\n`);
  }

  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.drop();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.write(this.greeting);
    let pending = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      pending += text;
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        const command = JSON.parse(pending.slice(0, end)) as Command;
        pending = pending.slice(end + 1);
        this.commands.push(command);
        const answer = command.execute === 'qmp_capabilities' ? { return: {} } : this.onCommand(command);
        if (answer !== undefined) this.send({ ...(answer as object), id: command.id });
      }
    });
  }
}
