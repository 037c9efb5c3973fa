import { connect, createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import type { Duplex } from 'node:stream';
import { XiaError } from '../bytes/index.js';
import type { NodeIdentity } from '../io/keys.js';
import { certifiedId } from './certified-id.js';

/** The application protocol that both ends must name (ALPN): a stranger's TLS is refused in the handshake. */
export const SECURE_STREAM_PROTOCOL = 'xia/1';

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
/** SSL_OP_NO_TICKET: streams are never resumed, every one proves its keys anew. */
const NO_SESSION_TICKETS = 0x4000;

export interface SecureStreamOptions {
  /** How long the handshake may take. Default 10,000. */
  readonly timeoutMs?: number;
  /** Gives the handshake up; the stream is destroyed. */
  readonly signal?: AbortSignal;
}

/** Importing a key and making its certificate costs about a millisecond, and a node has one identity. */
const contexts = new WeakMap<NodeIdentity, SecureContext>();

/** A third of what most programs load is the library that writes certificates, and routers and the tools that ask one question need none. */
const loadCertificates = () => import('./certificate.js');

/** Loads what secure streams need, which is done with the first one otherwise: for programs that expect one and have time now. */
export async function prepareSecureStreams(): Promise<void> {
  await loadCertificates();
}

async function secureContextOf(identity: NodeIdentity, duplex: Duplex): Promise<SecureContext> {
  const { selfSignedCertificate } = await loadCertificates();
  // node:tls would wait for a stream that has gone meanwhile.
  if (duplex.destroyed) throw handshakeFailed('the peer closed the connection', duplex.errored ?? undefined);
  const cached = contexts.get(identity);
  if (cached !== undefined) return cached;
  const context = createSecureContext({
    key: identity.privateKey.export({ format: 'pem', type: 'pkcs8' }),
    cert: selfSignedCertificate(identity),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    sigalgs: 'ed25519',
    secureOptions: NO_SESSION_TICKETS,
  });
  contexts.set(identity, context);
  return context;
}

/**
 * The server's side of TLS 1.3 over any duplex stream. The client must present the certificate of an Ed25519 key and
 * prove to hold it; who that is says {@link peerId}. Nothing of it has to be trusted beforehand.
 *
 * The duplex belongs to the secure stream from now on: it is destroyed with it, also when this rejects.
 * @throws XiaError `peer-not-authentic` when the client shows no usable key, `handshake-failed`, `interrupted`
 */
export async function secureServer(duplex: Duplex, identity: NodeIdentity, options: SecureStreamOptions = {}): Promise<TLSSocket> {
  const cut = watchForCut(duplex);
  const secureContext = await secureContextOf(identity, duplex);
  const tls = new TLSSocket(duplex, {
    isServer: true,
    secureContext,
    requestCert: true,
    rejectUnauthorized: false, // there is no authority to ask: the key is the name
    ALPNProtocols: [SECURE_STREAM_PROTOCOL],
  });
  cut.above = tls;
  return handshake(tls, duplex, 'secure', () => true, options);
}

/**
 * The client's side of TLS 1.3 over any duplex stream. Resolves only after the server has proved to hold a key whose id
 * `expected` accepts; until then no application byte is sent, and none that came is delivered.
 *
 * The duplex belongs to the secure stream from now on: it is destroyed with it, also when this rejects.
 * @param expected is given the first 20 bytes of the SHA-256 of the server's raw Ed25519 public key
 * @throws XiaError `peer-not-authentic`, `handshake-failed`, `interrupted`
 */
export async function secureClient(
  duplex: Duplex,
  identity: NodeIdentity,
  expected: (peerPublicKeyId: Uint8Array) => boolean,
  options: SecureStreamOptions = {},
): Promise<TLSSocket> {
  const cut = watchForCut(duplex);
  const secureContext = await secureContextOf(identity, duplex);
  const tls = connect({
    socket: duplex,
    secureContext,
    rejectUnauthorized: false, // there is no authority to ask: the key is the name
    checkServerIdentity: () => undefined,
    ALPNProtocols: [SECURE_STREAM_PROTOCOL],
  });
  cut.above = tls;
  return handshake(tls, duplex, 'secureConnect', expected, options);
}

/** The proven id of the peer of each stream; node:tls gives a client its peer's certificate once only. */
const peerIds = new WeakMap<TLSSocket, Uint8Array>();

/**
 * The id that the peer of a secure stream has proved to be: 20 bytes, the id of its HID (or SID).
 * @throws XiaError `peer-not-authentic` for a socket that is not from here
 */
export function peerId(tls: TLSSocket): Uint8Array {
  const id = peerIds.get(tls);
  if (id === undefined) throw new XiaError('peer-not-authentic', 'nobody has proved an identity on this stream');
  return id;
}

/**
 * `length` secret bytes that both ends of a stream, and nobody else, derive for a purpose (RFC 8446, section 7.5).
 * @param label names the purpose, such as `EXPERIMENTAL-xia-chunks`
 */
export function exportKey(tls: TLSSocket, label: string, length: number): Uint8Array {
  return new Uint8Array(tls.exportKeyingMaterial(length, label, Buffer.alloc(0)));
}

/** What an `error` event of a secure stream means; a XiaError of the stream below is passed on as it is. */
export function streamError(cause: unknown): XiaError {
  if (cause instanceof XiaError) return cause;
  const { message, code } = cause as NodeJS.ErrnoException;
  return new XiaError('stream-failed', `the secure stream broke: ${message}`, code === undefined ? {} : { code }, {
    cause,
  });
}

/**
 * node:tls takes the end of the stream below for the end of the secure stream, though the peer did not say so under its
 * key. Anybody on the path can end the stream below, so here that is an error. The alert that ends a secure stream has
 * been taken in before the end below is, if this listener comes before the one of node:tls.
 */
function watchForCut(duplex: Duplex): { above: TLSSocket | undefined } {
  const cut: { above: TLSSocket | undefined } = { above: undefined };
  // node:tls only closes then, and whoever reads would not know that there was more.
  duplex.once('error', (error) => cut.above?.destroy(streamError(error)));
  duplex.once('end', () => {
    const tls = cut.above as (TLSSocket & { readonly _readableState: { readonly ended: boolean } }) | undefined;
    if (tls === undefined || tls.destroyed || tls._readableState.ended) return;
    tls.destroy(new XiaError('stream-failed', 'the stream below ended in the middle of the secure stream'));
  });
  return cut;
}

async function handshake(
  tls: TLSSocket,
  duplex: Duplex,
  ready: 'secure' | 'secureConnect',
  expected: (id: Uint8Array) => boolean,
  options: SecureStreamOptions,
): Promise<TLSSocket> {
  // One fault may come up twice, by the stream below and by a write that it cut off: only the first is an event.
  tls.once('error', () => {
    tls.on('error', () => {});
    tls.destroy();
  });
  try {
    await untilReady(tls, duplex, ready, options);
    if (tls.alpnProtocol !== SECURE_STREAM_PROTOCOL) {
      throw new XiaError('handshake-failed', `the peer does not speak ${SECURE_STREAM_PROTOCOL}`);
    }
    const certificate = tls.getPeerX509Certificate();
    const id = certificate === undefined ? undefined : certifiedId(certificate);
    if (id === undefined) {
      throw new XiaError('peer-not-authentic', 'the peer presented no certificate of an Ed25519 key');
    }
    if (!expected(id)) {
      const peer = Buffer.from(id).toString('hex');
      throw new XiaError('peer-not-authentic', `the peer is ${peer}, which is not who was dialled`, { peer });
    }
    peerIds.set(tls, id);
    return tls;
  } catch (error) {
    tls.on('error', () => {}); // the rejection has told it
    tls.destroy();
    duplex.destroy();
    throw error;
  }
}

function handshakeFailed(reason: string, cause: unknown): XiaError {
  return new XiaError('handshake-failed', `the secure handshake failed: ${reason}`, {}, { cause });
}

/** Resolves on the event `ready`; rejects on whatever comes instead of it. */
function untilReady(tls: TLSSocket, duplex: Duplex, ready: string, options: SecureStreamOptions): Promise<void> {
  const { timeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS, signal } = options;
  return new Promise((resolve, reject) => {
    const settle = (error?: XiaError) => {
      clearTimeout(timer);
      tls.removeListener(ready, onReady).removeListener('error', onError).removeListener('close', onClose);
      duplex.removeListener('end', onClose);
      signal?.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const fail = (reason: string, cause?: unknown) => settle(handshakeFailed(reason, cause));
    const onReady = () => settle();
    const onError = (cause: Error) => fail(cause.message, cause);
    const onClose = () => fail('the peer closed the connection', duplex.errored ?? undefined);
    const onAbort = () => settle(new XiaError('interrupted', 'the secure handshake was given up', {}, { cause: signal?.reason }));
    const timer = setTimeout(() => fail('it was not over in time'), timeoutMs);
    tls.once(ready, onReady).once('error', onError).once('close', onClose);
    duplex.once('end', onClose);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}
