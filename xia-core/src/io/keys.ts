import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign as signMessage, type KeyObject } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { XiaError } from '../bytes/index.js';
import type { Identity } from '../xid/index.js';

/** An Ed25519 key pair whose public half is a name: the first 20 bytes of the SHA-256 of the raw public key. */
export interface NodeIdentity extends Identity {
  readonly privateKey: KeyObject;
}

function identityOf(privateKey: KeyObject): NodeIdentity {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(der.subarray(der.length - 32));
  const id = new Uint8Array(createHash('sha256').update(publicKey).digest().subarray(0, 20));
  return { privateKey, publicKey, id, sign: (message) => signMessage(null, message, privateKey) };
}

/** A fresh identity, held in memory only. */
export function generateIdentity(): NodeIdentity {
  return identityOf(generateKeyPairSync('ed25519').privateKey);
}

/**
 * The identity of a PKCS#8 PEM text.
 * @throws XiaError `bad-key` when the text is not an Ed25519 private key; `where` names its origin in the message.
 */
export function identityFromPem(pem: string, where: string): NodeIdentity {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new XiaError('bad-key', `${where}: not a PEM private key`, { where }, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new XiaError('bad-key', `${where}: an Ed25519 key is needed, this is ${key.asymmetricKeyType}`, { where });
  }
  return identityOf(key);
}

/** The PKCS#8 PEM text of an identity. It is the whole secret: whoever has it is this name. */
export function identityToPem(identity: NodeIdentity): string {
  return identity.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/**
 * Reads an identity from a PKCS#8 PEM file.
 * @throws XiaError `bad-key` when the file is missing, unreadable or not an Ed25519 key.
 */
export async function loadIdentity(file: string): Promise<NodeIdentity> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (cause) {
    throw new XiaError('bad-key', `${file}: cannot be read`, { file }, { cause });
  }
  return identityFromPem(pem, file);
}

/** Writes an identity to a new PEM file readable by its owner only. An existing file is never overwritten. */
export async function saveIdentity(file: string, identity: NodeIdentity): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, identityToPem(identity), { mode: 0o600, flag: 'wx' });
}

/**
 * Makes an identity and keeps it in a new file.
 * @throws XiaError `bad-key` when the file exists already or cannot be written
 */
export async function createIdentity(file: string): Promise<NodeIdentity> {
  const identity = await tryCreateIdentity(file);
  if (identity === undefined) throw new XiaError('bad-key', `${file}: exists already, and no key is overwritten`, { file });
  return identity;
}

/**
 * Reads the identity of a file, or makes one and keeps it there when the file does not exist.
 * @throws XiaError `bad-key`
 */
export async function loadOrCreateIdentity(file: string): Promise<NodeIdentity> {
  return (await tryCreateIdentity(file)) ?? loadIdentity(file);
}

/** Undefined when the file exists already. */
async function tryCreateIdentity(file: string): Promise<NodeIdentity | undefined> {
  const identity = generateIdentity();
  try {
    await saveIdentity(file, identity);
    return identity;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw new XiaError('bad-key', `${file}: cannot be written`, { file }, { cause });
  }
}
