import { multibootKernel, u32 } from './multiboot-kernel.js';

const MEMORY_ADDRESS = 0x200000;
const PAGE_BYTES = 4096;

/**
 * A multiboot kernel of 70 bytes that QEMU starts by `-kernel` within a second: it writes to one page after the other of
 * `memoryBytes` from 2 MB on, for ever, and waits `ticksPerPage` of the time stamp counter (2 to 4 of them a nanosecond) between
 * two. While its processor gets no time it writes nothing, and does not make up for it.
 */
export function dirtyingKernel(memoryBytes: number, ticksPerPage: number): Uint8Array {
  const rdtsc = [0x0f, 0x31];
  const body = [
    ...rdtsc,
    0x89, // mov ecx, eax
    0xc1,
    ...rdtsc, // again and again, until enough ticks have passed
    0x29, // sub eax, ecx
    0xc8,
    0x3d, // cmp eax, ticks
    ...u32(ticksPerPage),
    0x72, // jb back to the second rdtsc
    0xf5,
    0xff, // inc dword [ebx + memory]
    0x83,
    ...u32(MEMORY_ADDRESS),
    0x81, // add ebx, page
    0xc3,
    ...u32(PAGE_BYTES),
    0x81, // cmp ebx, bytes
    0xfb,
    ...u32(memoryBytes),
  ];
  const SHORT_JUMP_BYTES = 2;
  const next = [0x72, 0x100 - (body.length + SHORT_JUMP_BYTES)]; // jb body
  const fromStart = [0x31, 0xdb, 0xeb, 0x100 - (body.length + next.length + 2 + SHORT_JUMP_BYTES)]; // xor ebx, ebx; jmp body
  return multibootKernel([0xfa, 0x31, 0xdb, ...body, ...next, ...fromStart]); // cli; xor ebx, ebx
}
