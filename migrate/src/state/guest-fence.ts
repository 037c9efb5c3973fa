import { controlCall } from 'xia-core';

const TIMEOUT_MS = 2000;

export interface GuestFenceOptions {
  /** The control socket of the XIA host that the guest's network card is plugged into. */
  readonly control: string;
  /** HID of the guest, as text. */
  readonly guest: string;
  /** The host could not be told. */
  readonly onFault: (reason: string) => void;
}

/**
 * The network's side of giving a VM away. Its copy here has its key, so this host is told to refuse it, until it is this host's
 * again. One call after the other; a host that cannot be told stops no migration, because ownership is in the state files.
 */
export class GuestFence {
  readonly #options: GuestFenceOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: GuestFenceOptions) {
    this.#options = options;
  }

  /** The guest was given away. */
  raise(): void {
    this.#ask('fence');
  }

  /** The guest is, or is about to be, here. */
  lift(): void {
    this.#ask('unfence');
  }

  /** When all that was asked is done. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #ask(method: 'fence' | 'unfence'): void {
    const { control, guest, onFault } = this.#options;
    this.#last = this.#last
      .then(async () => void (await controlCall(control, method, { hid: guest }, TIMEOUT_MS)))
      .catch((error: Error) => onFault(error.message));
  }
}
