import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from 'xmigrate';
import { runProgram } from './run-program.js';

const DAYS = '2';
/** What the destination's certificate is made out to. */
export const TLS_HOST_NAME = 'localhost';

/** Extensions of the three certificates, as QEMU's checks of them want it. */
const EXTENSIONS = {
  ca: ['basicConstraints=critical,CA:true', 'keyUsage=critical,keyCertSign'],
  server: [
    'basicConstraints=critical,CA:false',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth',
    `subjectAltName=DNS:${TLS_HOST_NAME}`,
  ],
  client: ['basicConstraints=critical,CA:false', 'keyUsage=critical,digitalSignature', 'extendedKeyUsage=clientAuth'],
} as const;

/** A folder with the files of QEMU's `tls-creds-x509`: an authority, and a certificate for each end. */
export class TlsCertificates implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws Error that says why they cannot be made here */
  static async create(signal: AbortSignal): Promise<TlsCertificates> {
    if ((await findProgram('openssl')) === undefined) throw new Error('openssl is not installed (apt-get install openssl)');
    const certificates = new TlsCertificates(await mkdtemp(join(tmpdir(), 'xbench-tls-')));
    try {
      await certificates.#create(signal);
      return certificates;
    } catch (error) {
      await certificates[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #create(signal: AbortSignal): Promise<void> {
    const path = (name: string) => join(this.folder, name);
    for (const end of ['ca', 'server', 'client'] as const) {
      const key = path(`${end}-key.pem`);
      const certificate = path(`${end}-cert.pem`);
      await writeFile(path('extensions'), EXTENSIONS[end].join('\n'));
      await runProgram('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key], signal);
      await runProgram('openssl', ['req', '-new', '-key', key, '-subj', `/CN=xia bench ${end}`, '-out', path('request')], signal);
      const signer = end === 'ca' ? ['-signkey', key] : ['-CA', path('ca-cert.pem'), '-CAkey', path('ca-key.pem'), '-CAcreateserial'];
      const words = ['x509', '-req', '-in', path('request'), ...signer, '-days', DAYS, '-extfile', path('extensions'), '-out', certificate];
      await runProgram('openssl', words, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
