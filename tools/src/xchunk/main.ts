import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command } from 'commander';
import {
  addAttachOptions,
  contentDag,
  ContentSealer,
  Dag,
  integerArgument,
  loadOrCreateSecret,
  loadSecret,
  PrincipalType,
  runMain,
  startFromOptions,
  XiaError,
  Xid,
  type AttachOptions,
  type XiaNode,
} from 'xia-core';
import { writeJsonLine } from '../common/json-output.js';
import { DEFAULT_CHUNK_BYTES, formatManifest, manifestJson, parseManifest, type Manifest, type SealedManifest } from './manifest.js';
import { publishFile } from './publication.js';
import { readingOf, type Reading } from './reading.js';

/** Chunks asked for at a time; the fetcher's congestion window decides what is really under way. */
const FETCHES_AT_ONCE = 4;
const LONGEST_RETRY_MS = 1000;
const RETRIES_PER_IDLE_TIMEOUT = 8;
const LARGEST_CHUNK_BYTES = 16 << 20;

interface PutOptions extends AttachOptions {
  readonly chunkBytes: number;
  readonly manifest?: string;
  readonly encrypt?: boolean;
  readonly secret?: string;
}

interface GetOptions extends AttachOptions {
  readonly output: string;
  readonly from?: readonly string[];
  readonly secret?: string;
  readonly timeout: number;
  readonly idleTimeout: number;
}

/** Both options or none: nobody shall believe a file sealed that is not, or make a secret that seals nothing. */
async function sealerForPut({ encrypt, secret }: PutOptions): Promise<ContentSealer | undefined> {
  if (encrypt === true && secret === undefined) throw new XiaError('usage', '--encrypt needs --secret with the file of the secret');
  if (secret === undefined) return undefined;
  if (encrypt !== true) throw new XiaError('usage', '--secret is for --encrypt');
  return new ContentSealer(await loadOrCreateSecret(secret));
}

async function put(file: string, options: PutOptions, signal: AbortSignal): Promise<void> {
  const content = await readFile(file);
  const sealer = await sealerForPut(options);
  await using node = await startFromOptions(options, signal);
  const manifest = publishFile(basename(file), content, options.chunkBytes, sealer, (bytes) => node.publish(bytes).dag);
  if (options.manifest !== undefined) await writeFile(options.manifest, formatManifest(manifest));
  if (options.json) {
    writeJsonLine(manifestJson(manifest));
  } else {
    for (const { dag, bytes } of manifest.chunks) process.stdout.write(`${dag.toString()}  ${bytes}\n`);
    const chunks = `${manifest.chunks.length} ${sealer === undefined ? '' : 'sealed '}chunks`;
    process.stderr.write(`xchunk: serving ${chunks} of ${basename(file)} until Ctrl-C\n`);
  }
  if (!signal.aborted) await once(signal, 'abort');
}

/** The addresses of a chunk at some hosts. */
function addressesAt(cid: Xid, hosts: readonly string[] = []): Dag[] {
  return hosts.map((text) => {
    const host = Dag.parse(text);
    return contentDag(host.find(PrincipalType.AD), host.intent, cid);
  });
}

/** `CID:...` alone needs `--from`, the hosts that surely have it; a whole address needs nothing. */
function chunkAddresses(text: string, from: readonly string[] | undefined): readonly [Dag, ...Dag[]] {
  if (!text.startsWith('CID:')) {
    const dag = Dag.parse(text);
    if (dag.intent.type !== PrincipalType.CID) throw new XiaError('usage', `${text} is not the address of a chunk`);
    return [dag, ...addressesAt(dag.intent, from)];
  }
  const [first, ...more] = addressesAt(Xid.parse(text), from);
  if (first === undefined) throw new XiaError('usage', `${text}: a bare CID needs --from with the address of a host that has it`);
  return [first, ...more];
}

async function fetchAll(
  node: XiaNode,
  manifest: Manifest | SealedManifest,
  reading: Reading,
  from: readonly string[] | undefined,
  out: FileHandle,
  signal: AbortSignal,
): Promise<void> {
  const offsets = manifest.chunks.map(
    (
      (at) =>
      ({ bytes }: { bytes: number }) =>
        (at += bytes) - bytes
    )(0),
  );
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < manifest.chunks.length; index = next++) {
      const { dag, bytes } = manifest.chunks[index] as Manifest['chunks'][number];
      const content = await node.fetch(dag, { length: bytes, sources: addressesAt(dag.intent, from), signal });
      if (content.length !== bytes) throw new XiaError('refused', `${dag.toString()} has ${content.length} bytes, not ${bytes}`);
      await out.write(reading.open(index, content), 0, bytes, offsets[index]);
    }
  };
  await Promise.all(Array.from({ length: FETCHES_AT_ONCE }, worker));
}

async function sha256Of(file: string): Promise<Uint8Array> {
  const hash = createHash('sha256');
  const handle = await open(file);
  try {
    for await (const piece of handle.createReadStream({ autoClose: false })) hash.update(piece as Buffer);
  } finally {
    await handle.close();
  }
  return hash.digest();
}

/** Silence, and a time that was too short, said as such: scripts tell them by the exit code from what is wrong. */
function explained(error: unknown, { timeout, idleTimeout }: GetOptions, signal: AbortSignal, limited: AbortSignal): unknown {
  if (!(error instanceof XiaError) || signal.aborted) return error;
  if (error.code === 'fetch-failed' && error.context['reason'] === 'timeout') {
    return new XiaError('timeout', `nothing came for ${idleTimeout} ms`, {}, { cause: error });
  }
  return limited.aborted ? new XiaError('timeout', `not done within ${timeout} ms`, {}, { cause: error }) : error;
}

async function get(source: string, options: GetOptions, signal: AbortSignal): Promise<void> {
  const isAddress = /^(CID:|RE |DAG )/.test(source);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]);
  const manifest = isAddress ? undefined : parseManifest(await readFile(source, 'utf8'), source);
  const sealer = options.secret === undefined ? undefined : new ContentSealer(await loadSecret(options.secret));
  if (isAddress && sealer !== undefined) throw new XiaError('usage', 'a sealed chunk is opened by its manifest, not by its address alone');
  const reading = manifest && readingOf(manifest, source, sealer, options.secret);
  const addresses = isAddress ? chunkAddresses(source, options.from) : undefined;
  const { idleTimeout: giveUpMs } = options;
  // A fetch looks at how long it has waited whenever it asks again.
  const maxTimeoutMs = Math.min(LONGEST_RETRY_MS, giveUpMs / RETRIES_PER_IDLE_TIMEOUT);
  await using node = await startFromOptions(options, signal, { fetchLimits: { giveUpMs, maxTimeoutMs } });
  // Nobody finds half a file under the name that was asked for.
  const temporary = `${options.output}.part`;
  try {
    if (addresses !== undefined) {
      const [address, ...sources] = addresses;
      await writeFile(temporary, await node.fetch(address, { sources, signal: limited }));
    } else if (manifest !== undefined && reading !== undefined) {
      const out = await open(temporary, 'w');
      await fetchAll(node, manifest, reading, options.from, out, limited).finally(() => out.close());
      if (!reading.isWhole(await sha256Of(temporary)))
        throw new XiaError('refused', `${source}: the chunks do not make up the file of the manifest`);
    }
    await rename(temporary, options.output);
  } catch (error) {
    throw explained(error, options, signal, limited);
  } finally {
    await rm(temporary, { force: true });
  }
  if (options.json) writeJsonLine({ output: options.output, chunks: manifest?.chunks.length ?? 1 });
}

/** The `xchunk` program. */
function program(signal: AbortSignal): Command {
  const command = new Command('xchunk').description(
    'Publishes files as chunks named by their content, and fetches them from wherever they are.',
  );
  const putCommand = command
    .command('put')
    .description('publish a file, print the addresses of its chunks, serve them until Ctrl-C')
    .argument('<file>')
    .option('--chunk-bytes <n>', 'bytes in a chunk', integerArgument(1, LARGEST_CHUNK_BYTES), DEFAULT_CHUNK_BYTES)
    .option('-m, --manifest <file>', 'write the list of the chunks here, for get')
    .option('--encrypt', 'seal the chunks: only who has the secret can read them; equal content keeps equal addresses for one secret')
    .option('--secret <file>', 'the secret for --encrypt; made if the file does not exist')
    .addHelpText(
      'after',
      `
Example:
  xtestbed exec HOST_A -- xchunk put film.mp4 -m film.json
  xtestbed exec HOST_A -- xchunk put film.mp4 -m film.json --encrypt --secret ~/.xia-secret`,
    )
    .action(async (file: string, options: PutOptions) => put(file, options, signal));
  addAttachOptions(putCommand);
  const getCommand = command
    .command('get')
    .description('fetch a chunk, or every chunk of a manifest; what does not match its name never reaches the file')
    .argument('<source>', 'an address "RE ( AD:... HID:... ) CID:...", a bare CID, or a manifest file')
    .requiredOption('-o, --output <file>', 'where to put it')
    .option('--from <address...>', 'addresses of hosts that have it too: all are asked together; a bare CID needs one at least')
    .option('--secret <file>', 'the secret of a sealed manifest')
    .option('--timeout <ms>', 'give up after this long', integerArgument(1, 86_400_000), 60_000)
    .option('--idle-timeout <ms>', 'give up when nothing of a chunk came for so long', integerArgument(100, 86_400_000), 15_000)
    .addHelpText('after', '\nExample:\n  xtestbed exec HOST_C -- xchunk get film.json -o copy.mp4')
    .action(async (source: string, options: GetOptions) => get(source, options, signal));
  addAttachOptions(getCommand);
  return command.addHelpText(
    'after',
    `
Example:
  xtestbed exec HOST_A -- xchunk put film.mp4 -m film.json
  xtestbed exec HOST_C -- xchunk get film.json -o copy.mp4`,
  );
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
