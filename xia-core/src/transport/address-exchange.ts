import { copyBytes } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { STREAM_CHALLENGE_BYTES, STREAM_DATA_HEADER_BYTES, type StreamPacketView } from '../wire/stream.js';
import type { Xid } from '../xid/index.js';
import { stateAddress, verifiedAddress } from './address-statement.js';
import type { ConnectionIds } from './connection-ids.js';
import type { PeerPath } from './peer-path.js';
import type { StreamSettings } from './stream-options.js';
import type { Transmitter } from './transmitter.js';

/** Challenges that wait to be answered; more in one packet are ignored. */
const MAX_RESPONSES = 2;
const PATH_PACKET_BYTES = STREAM_DATA_HEADER_BYTES + 1 + STREAM_CHALLENGE_BYTES;

interface Response {
  readonly destination: Dag;
  readonly token: Uint8Array;
}

/**
 * How two ends keep each other's addresses: our own statements, the peer's, and the challenges that these cause.
 *
 *     mover                                    peer
 *       | -- REBIND (signed, new address) ------> |  signature, host, sequence hold
 *       | <- PATH_CHALLENGE, to the new address - |  everything else still goes to the old one
 *       | -- PATH_RESPONSE ---------------------> |  the new address is in use
 */
export class AddressExchange {
  /** Newest REBIND frame, once we have moved. */
  rebindFrame: Uint8Array | undefined;
  readonly #settings: StreamSettings;
  readonly #localSid: Xid;
  readonly #ids: ConnectionIds;
  readonly #path: PeerPath;
  #localDag: Dag;
  #sequence = 0;
  #responses: Response[] = [];

  constructor(settings: StreamSettings, localSid: Xid, ids: ConnectionIds, path: PeerPath) {
    this.#settings = settings;
    this.#localSid = localSid;
    this.#ids = ids;
    this.#path = path;
    this.#localDag = settings.localDag(localSid);
  }

  get localDag(): Dag {
    return this.#localDag;
  }

  /** Looks where we are now. Returns true when it is another address than before. */
  relocate(): boolean {
    const dag = this.#settings.localDag(this.#localSid);
    if (dag.equals(this.#localDag)) return false;
    this.#localDag = dag;
    return true;
  }

  /** Makes the statement of where we are, for the transmitter to send. */
  state(): void {
    this.#sequence++;
    this.rebindFrame = stateAddress(this.#ids, this.#sequence, this.#localDag, this.#settings.identity);
  }

  /**
   * Takes the REBIND that `view` stands at: the new address will be asked.
   * @param source where the packet came from
   * @returns false when it was refused; an old one is no news, which is not refused
   */
  takeRebind(view: StreamPacketView, source: Dag, now: number): boolean {
    if (view.sequence <= this.#path.sequence) return true;
    const dag = verifiedAddress(view, this.#ids, this.#path.dag, this.#settings.crypto);
    if (dag === undefined) return false;
    this.#path.propose(dag, view.sequence, view.bytes.length, source, this.#settings.rng, now);
    return true;
  }

  /** Takes the PATH_CHALLENGE that `view` stands at; the answer goes where it came from, and is no larger. */
  takeChallenge(view: StreamPacketView, source: Dag): void {
    if (this.#responses.length >= MAX_RESPONSES) return;
    this.#responses.push({ destination: source, token: copyBytes(view.bytes, view.tokenStart, STREAM_CHALLENGE_BYTES) });
  }

  /** Sends the challenge that is due and the answers that wait. */
  send(transmitter: Transmitter, now: number): void {
    const { candidate } = this.#path;
    if (candidate !== undefined) {
      const challenge = this.#path.takeChallenge(PATH_PACKET_BYTES, now);
      if (challenge !== undefined) transmitter.sendApart(candidate, challenge, true, now);
    }
    if (this.#responses.length === 0) return;
    const responses = this.#responses;
    this.#responses = [];
    for (const { destination, token } of responses) transmitter.sendApart(destination, token, false, now);
  }
}
