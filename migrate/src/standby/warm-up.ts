import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Dag, ExitCode, generateIdentity, PrincipalType, sealCertificate, XiaError, XiaNode, xidOf, type FaceConfig } from 'xia-core';
import { ParentChannel, type Upward } from '../channel/index.js';
import { makePrivateFolder } from '../state/index.js';
import { MemoryLink } from './memory-link.js';
import { PretendedMonitor, pretendDestination, pretendSource } from './pretended-qemu.js';
import { runOrder, type OrderEnd } from './run-order.js';

const LOOPBACK = '127.0.0.1:0';
/** Of the loopback interface in one piece, as programs attach to a host of their machine. */
const MTU = 65_507;
const VM = 'warm-up';
const PIECE_BYTES = 64 * 1024;
/** On a machine that has no time for it, it is given up. */
const TIMEOUT_MS = 30_000;
const A_DAY_MS = 86_400_000;

type Role = 'send' | 'recv';
type Hosts = Readonly<Record<Role, string>>;

/**
 * Moves a VM that is none, in this process: its own `send` and `recv` with all that belongs to a move (identities, streams, seals,
 * chunks, state files, the conversations with QEMU and with `run`), so that the code of the next move is compiled by what it will do.
 *
 * @param hosts where the two attach
 * @param megabytes of the stream
 * @throws XiaError `refused` when the move does not succeed
 */
async function playMove(folder: string, hosts: Hosts, megabytes: number, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const said = new Map<string, Readonly<Record<string, unknown>>>();
  const piece = randomBytes(PIECE_BYTES);
  const advance = async (what: string) => {
    const [listening, attached] = [said.get('recv listening'), said.get('send attached')];
    if ((what === 'recv listening' || what === 'send attached') && listening !== undefined && attached !== undefined) {
      receiver.link.answer({ kind: 'go', allow: [String(attached['hid'])], runs: true });
    }
    if (what === 'recv allowing') {
      const to = String(listening?.['dag']);
      sender.link.answer({ kind: 'go', to, allow: [Dag.parse(to).find(PrincipalType.HID)?.toString() ?? ''], runs: true });
    }
    const [into, out] = [said.get('recv ready'), said.get('send ready')];
    if ((what === 'recv ready' || what === 'send ready') && into !== undefined && out !== undefined) {
      await pretendDestination(String(into['socket']));
      await pretendSource(String(out['socket']), piece, Math.ceil((megabytes * 1e6) / PIECE_BYTES));
    }
  };
  const start = (role: Role): { readonly link: MemoryLink; readonly end: Promise<OrderEnd> } => {
    const monitor = new PretendedMonitor(role === 'send' ? 'running' : 'inmigrate');
    const link: MemoryLink = new MemoryLink((message: Upward) => {
      if (message.kind === 'qmp') {
        void monitor.execute(message.command).then((value) => link.answer({ kind: 'answer', id: message.id, value }));
      }
      if (message.kind !== 'event') return;
      said.set(`${role} ${message.event}`, message.fields);
      advance(`${role} ${message.event}`).catch((error: unknown) => stop.abort(error));
    });
    const words = ['--vm', VM, '--host', hosts[role], '--state', join(folder, role), '--under-run', '--qmp', join(folder, `${role}.qmp`)];
    return { link, end: runOrder({ role, words: [...words, '--nice', '0', '--window', '4M'] }, new ParentChannel(link, 0), stop.signal) };
  };
  const receiver = start('recv');
  const sender = start('send');
  try {
    for (const { exitCode, text } of await Promise.all([sender.end, receiver.end])) {
      if (exitCode !== ExitCode.OK && !signal.aborted)
        throw new XiaError('refused', `a warm-up did not succeed: ${text.trim() || String(exitCode)}`);
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * A router for a network of this process alone, and where to attach to it: over UDP, and over a UNIX socket where there can be one.
 * A program attaches to its host by either.
 */
async function startRouter(folder: string): Promise<{ readonly router: XiaNode; readonly hosts: readonly [string, string] }> {
  const [adIdentity, identity] = [generateIdentity(), generateIdentity()];
  const [ad, hid] = [xidOf(PrincipalType.AD, adIdentity), xidOf(PrincipalType.HID, identity)];
  const certificate = sealCertificate({ ad, hid, notBefore: 0, notAfter: Date.now() + A_DAY_MS }, adIdentity);
  const udp: FaceConfig = { name: 'access', role: 'access', mtu: MTU, udp: { listen: LOOPBACK } };
  const unix: FaceConfig = { name: 'socket', role: 'access', mtu: MTU, unix: { listen: join(folder, 'access.sock') } };
  const start = async (faces: readonly FaceConfig[]) => XiaNode.start({ identity, role: 'router', router: { certificate }, faces });
  const router = await start([udp, unix]).catch(async (error: unknown) => {
    if (error instanceof XiaError && error.code === 'missing-prerequisite') return start([udp]);
    throw error;
  });
  const { access = '', socket = access } = router.faceAddresses();
  return { router, hosts: [access, socket] };
}

/**
 * Plays moves of so many megabytes, one after the other; nothing of them is left but a warm process.
 * @param signal ends it early
 * @throws XiaError `timeout`, `refused`, what the system says where there is no port or folder
 */
export async function warmUp(moves: readonly number[], signal: AbortSignal): Promise<void> {
  if (moves.length === 0) return;
  const late = AbortSignal.timeout(TIMEOUT_MS);
  const given = AbortSignal.any([signal, late]);
  const folder = makePrivateFolder('warm-up');
  const { router, hosts } = await startRouter(folder);
  const [one, other] = hosts;
  try {
    for (const [index, megabytes] of moves.entries()) {
      if (given.aborted) break;
      const files = join(folder, 'move');
      mkdirSync(files, { mode: 0o700 });
      // Each end sends and receives by both kinds of face in turn.
      await playMove(files, index % 2 === 0 ? { send: other, recv: one } : { send: one, recv: other }, megabytes, given);
      rmSync(files, { recursive: true, force: true });
    }
    if (late.aborted) throw new XiaError('timeout', `the warm-up took more than ${TIMEOUT_MS / 1000} s`);
  } finally {
    await router.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
