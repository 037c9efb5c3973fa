import type { RemoteInfo } from 'node:dgram';
import { DgramAsPromised, type SocketAsPromised } from 'dgram-as-promised';
import { XiaError } from '../bytes/index.js';
import { formatHostPort, type HostPort } from './socket-address.js';

const LEAST_SOCKET_BUFFER_BYTES = 64 * 1024;

type SendCallback = (error: null, address: string, family: number) => void;

/**
 * A UDP socket that is bound, with buffers as large as the system gives.
 * @param onMessage takes the datagrams; see `UdpFace` for why not by promises
 * @throws XiaError `address-in-use` or `face-failed`, naming the face and its address
 */
export async function bindUdp(
  face: string,
  listen: HostPort,
  bufferBytes: number,
  onMessage: (bytes: Uint8Array, from: RemoteInfo) => void,
): Promise<SocketAsPromised> {
  const { address, port, family } = listen;
  const binding = DgramAsPromised.createSocket({ type: family === 4 ? 'udp4' : 'udp6', lookup: literalLookup });
  const { socket } = binding;
  socket.on('message', onMessage);
  try {
    await binding.bind({ address, port, exclusive: true });
  } catch (error) {
    await binding.close();
    throw openError(face, listen, error as NodeJS.ErrnoException);
  }
  growBuffer(bufferBytes, (bytes) => socket.setRecvBufferSize(bytes));
  growBuffer(bufferBytes, (bytes) => socket.setSendBufferSize(bytes));
  return binding;
}

function openError(face: string, listen: HostPort, cause: NodeJS.ErrnoException): XiaError {
  const address = formatHostPort(listen.address, listen.port);
  const context = { face, address };
  if (cause.code === 'EADDRINUSE') {
    const message = `face ${face}: UDP ${address} is in use by another program`;
    return new XiaError('address-in-use', message, context, { cause });
  }
  const reasons: Record<string, string> = {
    EADDRNOTAVAIL: 'is not an address of this machine',
    EACCES: 'may not be used by this user',
  };
  const reason = reasons[cause.code ?? ''] ?? `cannot be opened: ${cause.message}`;
  return new XiaError('face-failed', `face ${face}: UDP ${address} ${reason}`, context, { cause });
}

/** All addresses are literals, so nothing is looked up; Node's own lookup would cost a deferred call per packet. */
function literalLookup(address: string, _options: unknown, callback: SendCallback): void {
  callback(null, address, address.includes(':') ? 6 : 4);
}

/** Linux clamps a size that it does not allow, other systems refuse it; then less is asked for. */
function growBuffer(bytes: number, set: (bytes: number) => void): void {
  for (let size = bytes; size >= LEAST_SOCKET_BUFFER_BYTES; size = Math.floor(size / 2)) {
    try {
      set(size);
      return;
    } catch {
      // Refused: try half of it. The face works with the system's default too.
    }
  }
}
