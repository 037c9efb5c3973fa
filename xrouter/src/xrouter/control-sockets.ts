import { ControlServer, type ControlHandler, type Gauge } from 'xia-core';

/** The control sockets that a daemon serves: one, but for the moment in which it goes from one path to another. */
export class ControlSockets implements AsyncDisposable {
  readonly #handlers: Readonly<Record<string, ControlHandler>>;
  readonly #servers = new Map<string, ControlServer>();

  constructor(handlers: Readonly<Record<string, ControlHandler>>) {
    this.#handlers = handlers;
  }

  /** @throws XiaError `already-running`, `bad-config` */
  async open(path: string): Promise<void> {
    this.#servers.set(path, await ControlServer.listen(path, this.#handlers));
  }

  /** Serves a path no more. Who waits for an answer on it still gets that. */
  retire(path: string): void {
    this.#servers.get(path)?.retire();
    this.#servers.delete(path);
  }

  gauges(): Gauge[] {
    return [...this.#servers.values()].flatMap((server) => server.gauges());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }
}
