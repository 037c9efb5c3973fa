const SIOCOUTQ = 0x5411;

/** How much memory the kernel keeps for what was written to a UNIX socket and not read yet: no less than its bytes. Undefined: not known. */
export type UnreadBytes = (fd: number) => number | undefined;

/** Where the module that makes system calls is missing (it is an optional dependency), nothing is known. */
export async function loadUnreadBytes(): Promise<UnreadBytes> {
  if (process.platform !== 'linux') return () => undefined;
  try {
    const { default: koffi } = await import('koffi');
    const ioctl = koffi.load(null).func('int ioctl(int, unsigned long, void *)') as (
      fd: number,
      request: number,
      value: Uint8Array,
    ) => number;
    const value = Int32Array.of(0);
    const memory = new Uint8Array(value.buffer);
    return (fd) => (ioctl(fd, SIOCOUTQ, memory) === 0 ? value[0] : undefined);
  } catch {
    return () => undefined;
  }
}
