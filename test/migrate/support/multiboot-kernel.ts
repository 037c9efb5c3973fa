/** Where QEMU puts a kernel. */
export const LOAD_ADDRESS = 0x100000;
/** Of the multiboot header, behind which the code begins. */
export const HEADER_BYTES = 32;
const MAGIC = 0x1badb002;
/** The header says where everything is: no ELF is needed. */
const ADDRESSES_GIVEN = 0x10000;

/** The four bytes of a number in machine code. */
export const u32 = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];

/** A file that QEMU starts by `-kernel` within a second: `code` is x86's for 32 bits, and runs from its first byte on. */
export function multibootKernel(code: readonly number[]): Uint8Array {
  const checksum = -(MAGIC + ADDRESSES_GIVEN);
  const header = [MAGIC, ADDRESSES_GIVEN, checksum, LOAD_ADDRESS, LOAD_ADDRESS, 0, 0, LOAD_ADDRESS + HEADER_BYTES];
  return Uint8Array.from([...header.flatMap(u32), ...code]);
}
