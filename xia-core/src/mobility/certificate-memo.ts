import { copyBytes, equalBytes } from '../bytes/index.js';
import { certificateSchema, type Certificate } from '../wire/mobility-statements.js';
import { openStatement, StatementKind } from '../wire/statement.js';
import type { CryptoSuite } from '../xid/index.js';

const PLACES = 16;

/**
 * Opens AD certificates, and remembers those whose signature was right: every beacon of a router brings the same one, ten
 * times a second, and to check a signature costs more than all else about a beacon.
 */
export class CertificateMemo {
  readonly #crypto: CryptoSuite;
  readonly #known: { readonly bytes: Uint8Array; readonly certificate: Certificate }[] = [];
  #next = 0;

  constructor(crypto: CryptoSuite) {
    this.#crypto = crypto;
  }

  /** What a certificate says, signed by the AD that it is about; whether its time has come is for the caller to check. */
  open(bytes: Uint8Array): Certificate | undefined {
    for (const { bytes: known, certificate } of this.#known) if (equalBytes(known, bytes)) return certificate;
    const opened = openStatement(bytes, StatementKind.CERTIFICATE, this.#crypto, certificateSchema);
    if (!opened.ok || !equalBytes(opened.signerId, opened.value.ad.id)) return undefined;
    this.#known[this.#next] = { bytes: copyBytes(bytes), certificate: opened.value };
    this.#next = (this.#next + 1) % PLACES;
    return opened.value;
  }
}
