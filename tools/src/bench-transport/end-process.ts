import type { EndReady, TransferDone, TransferOrder } from './end-messages.js';

/** Runs an end of a transfer in a process of its own: tells its address, then carries out orders until the parent goes away. */
export function serveOrders(ready: EndReady, onOrder: (order: TransferOrder) => void): void {
  process.on('message', (message) => onOrder(message as TransferOrder));
  process.send?.(ready);
}

export function tellDone(done: TransferDone): void {
  process.send?.(done);
}

/** The argument that the parent gave: JSON. */
export function endArgument<Value>(): Value {
  return JSON.parse(process.argv[2] ?? 'null') as Value;
}

/** Ends the process with its parent, or when the parent has no more orders. */
export function endWithParent(close: () => Promise<void> = async () => {}): void {
  process.once('disconnect', () => {
    void close().finally(() => process.exit());
  });
}
