import { Worker } from 'node:worker_threads';

/** Runs beside the main thread, which cannot look at itself while it hangs. */
const WORKER = `
const { workerData } = require('node:worker_threads');
const beats = new Int32Array(workerData.memory, 0, 1);
const what = new Uint8Array(workerData.memory, 4);
let before = -1;
setInterval(() => {
  if (beats[0] !== before) { before = beats[0]; return; }
  process._rawDebug('FAILED: hangs. Again: npm run fuzz -- --replay ' + Buffer.from(what).toString().replaceAll('\\0', ''));
  process.kill(process.pid, 'SIGKILL');
}, workerData.limitMs).unref();
`;
const TEXT_BYTES = 60;

/** Ends the process when a batch takes too long, and says which one it was. */
export class Watchdog {
  readonly #memory = new SharedArrayBuffer(4 + TEXT_BYTES);
  readonly #beats = new Int32Array(this.#memory, 0, 1);
  readonly #what = new Uint8Array(this.#memory, 4);

  /** @param limitMs how long one batch may take at most */
  constructor(limitMs: number) {
    new Worker(WORKER, { eval: true, workerData: { memory: this.#memory, limitMs } }).unref();
  }

  /** A batch begins; `what` is how to run it again. */
  begins(what: string): void {
    this.#what.fill(0);
    this.#what.set(new TextEncoder().encode(what).subarray(0, TEXT_BYTES));
    this.#beats[0] = this.#beats[0]! + 1;
  }
}
