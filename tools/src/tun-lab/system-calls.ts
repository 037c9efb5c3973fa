import { XiaError } from 'xia-core';

const O_RDWR = 2;
const O_NONBLOCK = 2048;
const TUNSETIFF = 0x4004_54ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const INTERFACE_NAME_BYTES = 16;
const INTERFACE_REQUEST_BYTES = 40;
const POLLIN = 1;
const POLLFD_BYTES = 8;

/** The device through which programs get interfaces of the kernel to be their own. */
export const TUN_DEVICE = '/dev/net/tun';

/** System calls about tun devices. Nothing throws but `openTun`; reads and writes never wait. */
export interface TunCalls {
  /**
   * Makes a tun interface; it goes when its descriptor is closed or its process ends.
   * @throws XiaError `missing-prerequisite` when the system does not let us
   */
  openTun(name: string): number;
  /** Bytes of the packet that was read; at most 0 when there is none. */
  read(fd: number, into: Uint8Array): number;
  /** False when the kernel did not take the packet. */
  write(fd: number, bytes: Uint8Array, length: number): boolean;
  /** Waits, with the whole process, until a descriptor of {@link pollSet} has something or the time is over. */
  wait(set: Uint8Array, timeoutMs: number): void;
}

/** What {@link TunCalls.wait} watches: an array of `pollfd`. */
export function pollSet(descriptors: readonly number[]): Uint8Array {
  const set = new Uint8Array(descriptors.length * POLLFD_BYTES);
  const fields = new DataView(set.buffer);
  for (const [index, fd] of descriptors.entries()) {
    fields.setInt32(index * POLLFD_BYTES, fd, true);
    fields.setInt16(index * POLLFD_BYTES + 4, POLLIN, true);
  }
  return set;
}

/**
 * Loads the system calls. The module that makes them is an optional dependency.
 * @throws XiaError `missing-prerequisite` (rejects) with the reason
 */
export async function loadTunCalls(): Promise<TunCalls> {
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
    throw new XiaError('missing-prerequisite', `tun devices are used on Linux only, and this is ${process.platform} on ${process.arch}`);
  }
  let koffi;
  try {
    ({ default: koffi } = await import('koffi'));
  } catch (cause) {
    const message = `koffi, the module that makes system calls, cannot be loaded (install it with "npm ci"): ${(cause as Error).message}`;
    throw new XiaError('missing-prerequisite', message, {}, { cause });
  }
  const libc = koffi.load(null);
  const open = libc.func('int open(const char *, int)') as (path: string, flags: number) => number;
  const ioctl = libc.func('int ioctl(int, unsigned long, void *)') as (fd: number, request: number, value: Uint8Array) => number;
  const read = libc.func('long read(int, void *, size_t)') as (fd: number, into: Uint8Array, bytes: number) => number;
  const write = libc.func('long write(int, void *, size_t)') as (fd: number, bytes: Uint8Array, length: number) => number;
  const ppoll = libc.func('int ppoll(void *, unsigned long, void *, void *)') as (
    ...call: [set: Uint8Array, count: number, timeout: Uint8Array, mask: null]
  ) => number;
  const timeout = new Uint8Array(16);
  const timeoutFields = new DataView(timeout.buffer);
  return {
    openTun: (name) => {
      const fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK);
      const request = new Uint8Array(INTERFACE_REQUEST_BYTES);
      request.set(new TextEncoder().encode(name).subarray(0, INTERFACE_NAME_BYTES - 1));
      new DataView(request.buffer).setUint16(INTERFACE_NAME_BYTES, IFF_TUN | IFF_NO_PI, true);
      if (fd >= 0 && ioctl(fd, TUNSETIFF, request) >= 0) return fd;
      throw new XiaError('missing-prerequisite', `${TUN_DEVICE}: the system refuses a tun interface (errno ${koffi.errno()})`, { name });
    },
    read: (fd, into) => read(fd, into, into.length),
    write: (fd, bytes, length) => write(fd, bytes, length) === length,
    wait: (set, timeoutMs) => {
      const ms = Math.max(0, timeoutMs);
      timeoutFields.setUint32(0, Math.floor(ms / 1000), true);
      timeoutFields.setUint32(8, Math.floor((ms % 1000) * 1e6), true);
      ppoll(set, set.length / POLLFD_BYTES, timeout, null);
    },
  };
}
