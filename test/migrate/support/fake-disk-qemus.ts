import { FakeQmpServer } from './fake-qmp-server.js';

/** Two QEMUs, as far as the copy of one disk needs them; what was asked is in `asked`, without questions. */
export class FakeDiskQemus {
  readonly asked: string[] = [];
  readonly source: FakeQmpServer;
  readonly destination: FakeQmpServer;
  /** What the source answers to `query-block-jobs`. */
  jobs: Record<string, unknown>[] = [];
  /** What becomes of a ready job that is told to end: the error, or nothing. */
  endError: string | undefined;
  #nodes: string[] = [];

  private constructor(source: FakeQmpServer, destination: FakeQmpServer) {
    this.source = source;
    this.destination = destination;
    source.onCommand = ({ execute, arguments: args }) => this.#answer('source', execute, args);
    destination.onCommand = ({ execute, arguments: args }) => this.#answer('destination', execute, args);
  }

  static async listen(sourcePath: string, destinationPath: string): Promise<FakeDiskQemus> {
    return new FakeDiskQemus(await FakeQmpServer.listen(sourcePath), await FakeQmpServer.listen(destinationPath));
  }

  async close(): Promise<void> {
    await this.source.close();
    await this.destination.close();
  }

  /** An event of the source. */
  tell(event: string, data: Record<string, unknown>): void {
    this.source.send({ event, data, timestamp: { seconds: 1, microseconds: 0 } });
  }

  #answer(side: 'source' | 'destination', command: string, args: Record<string, unknown>): unknown {
    switch (command) {
      case 'query-block':
        return { return: [this.#disk(side)] };
      case 'query-block-jobs':
        return { return: this.jobs };
      case 'query-block-exports':
        return { return: [] };
      case 'query-named-block-nodes':
        return { return: this.#nodes.map((name) => ({ 'node-name': name })) };
      default:
    }
    this.asked.push(`${side} ${command}`);
    const id = 'xmigrate-disk-0';
    if (command === 'blockdev-add') this.#nodes.push(id);
    if (command === 'blockdev-del') this.#nodes = [];
    if (command === 'blockdev-mirror') {
      this.jobs = [{ device: id, len: 100, offset: 100, ready: true, 'copy-mode': args['copy-mode'] }];
      queueMicrotask(() => this.tell('BLOCK_JOB_READY', { device: id }));
    }
    if (command === 'block-job-cancel') {
      const wasReady = args['force'] === false;
      this.jobs = [];
      const error = this.endError === undefined ? {} : { error: this.endError };
      queueMicrotask(() =>
        this.tell(wasReady ? 'BLOCK_JOB_COMPLETED' : 'BLOCK_JOB_CANCELLED', { device: id, len: 100, offset: 100, ...error }),
      );
    }
    return { return: {} };
  }

  #disk(side: string) {
    const image = { filename: `/nowhere/${side}.img`, format: 'raw', 'virtual-size': 100, 'actual-size': 100 };
    return { device: '', qdev: '/vd0', inserted: { 'node-name': 'disk0', ro: false, drv: 'raw', image } };
  }
}
