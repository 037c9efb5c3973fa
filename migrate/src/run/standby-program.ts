import { appendFileSync } from 'node:fs';
import { connect } from 'node:net';
import { LineLink, type Downward, type Order, type Upward } from '../channel/index.js';
import type { QmpClient } from '../qemu/index.js';
import { DrivenProgram } from './driven-program.js';
import type { EventListener } from './program-log.js';

/** A program of a standby: it runs already, and is warm. Where there is none, its summary says why. */
export class StandbyProgram extends DrivenProgram {
  readonly #link: LineLink;
  readonly #stderrFile: string | undefined;

  /** @param socket the standby's. `stderrFile` keeps what the program says to nobody else. */
  constructor(socket: string, order: Omit<Order, 'kind'>, monitor: QmpClient, onEvent: EventListener, stderrFile: string | undefined) {
    super(monitor, onEvent);
    this.#stderrFile = stderrFile;
    const connection = connect(socket);
    connection.once('error', ({ message }) => this.#unavailable(`no standby answers at ${socket}: ${message}`));
    this.#link = new LineLink(connection);
    this.#link.listen(
      (message) => this.hear(message),
      () => this.over('has gone'),
    );
    this.#link.send({ kind: 'order', ...order } satisfies Order);
    this.lend();
  }

  /** As the program itself says: undefined before. */
  get pid(): number | undefined {
    return this.log.pid;
  }

  protected override heard(message: Upward): void {
    super.heard(message);
    if (message.kind === 'unavailable') this.#unavailable(message.reason);
    if (message.kind !== 'ended') return;
    if (message.text !== '' && this.#stderrFile !== undefined) appendFileSync(this.#stderrFile, message.text, { mode: 0o600 });
    this.over(`ended without a word (exit code ${message.exitCode})`);
  }

  protected say(message: Downward): void {
    this.#link.send(message);
  }

  protected tellToStop(): void {
    this.say({ kind: 'stop' });
  }

  protected release(): void {
    this.#link.end();
  }

  #unavailable(reason: string): void {
    if (this.isOver) return;
    this.log.add('summary', { outcome: 'error', code: 'unreachable', reason });
  }
}
