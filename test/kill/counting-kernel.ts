import { HEADER_BYTES, LOAD_ADDRESS, multibootKernel, u32 } from '../migrate/support/multiboot-kernel.js';

const MEMORY_ADDRESS = 0x200000;
const CHANGING_ADDRESS = 0x400000;
const MEMORY_END = 0x440000;
/** Odd, so that no two words of the memory are alike. */
const FACTOR = 0x9e3779b1;
const TABLE_ADDRESS = 0x1fe000;
const STACK_ADDRESS = 0x1ff000;
const TIMER_VECTOR = 8;
const TICK_OFFSET = 0xcb;

/**
 * A multiboot kernel of 242 bytes that QEMU starts by `-kernel` within a second. Eighteen times a second, when the firmware's timer
 * wakes it, it compares each word of 2.25 MB with what it must be, changes the last 256 KB, and writes a line on its serial port: the number of the
 * round and how many words were wrong so far, eight hexadecimal digits each. So the line that follows `n` is `n + 1`, wherever the
 * guest has gone, and a second copy of the guest would write a line twice.
 */
export function countingKernel(): Uint8Array {
  const word = [0x69, 0xc3, ...u32(FACTOR)]; // imul eax, ebx, factor
  const toMemory = (address: number) => [0xbb, ...u32(address)]; // mov ebx, address
  const nextUntilEnd = [0x83, 0xc3, 4, 0x81, 0xfb, ...u32(MEMORY_END)]; // add ebx, 4; cmp ebx, end
  const code = [
    [0xfa, 0xbc, ...u32(STACK_ADDRESS)], // cli; mov esp, stack
    toMemory(TABLE_ADDRESS),
    [0x66, 0xc7, 0x43, TIMER_VECTOR * 8, TICK_OFFSET + HEADER_BYTES, 0], // mov word [ebx + gate], tick
    [0x8c, 0x4b, TIMER_VECTOR * 8 + 2], // mov [ebx + gate + 2], cs
    [0xc7, 0x43, TIMER_VECTOR * 8 + 4, 0, 0x8e, LOAD_ADDRESS >>> 16, 0], // an interrupt gate, present
    [0x66, 0xc7, 0x83, ...u32(0x100), 0xff, 7], // mov word [ebx + 256], 2047
    [0x89, 0x9b, ...u32(0x102)], // mov [ebx + 258], ebx
    [0x0f, 0x01, 0x9b, ...u32(0x100)], // lidt [ebx + 256]
    [0xb0, 0xfe, 0xe6, 0x21, 0xb0, 0xff, 0xe6, 0xa1], // of the interrupts the timer alone
    [0x31, 0xf6, 0x31, 0xff], // xor esi, esi; xor edi, edi
    toMemory(MEMORY_ADDRESS),
    word, // fill:
    [0x89, 0x03], // mov [ebx], eax
    nextUntilEnd,
    [0x72, 0xed], // jb fill
    toMemory(MEMORY_ADDRESS), // round:
    word, // check:
    [0x81, 0xfb, ...u32(CHANGING_ADDRESS), 0x72, 2, 0x01, 0xf0], // cmp ebx, changing; jb +2; add eax, esi
    [0x3b, 0x03, 0x74, 1, 0x47], // cmp eax, [ebx]; je +1; inc edi
    nextUntilEnd,
    [0x72, 0xe0], // jb check
    [0x46, ...toMemory(CHANGING_ADDRESS)], // inc esi
    word, // write:
    [0x01, 0xf0, 0x89, 0x03], // add eax, esi; mov [ebx], eax
    nextUntilEnd,
    [0x72, 0xeb], // jb write
    [0xba, ...u32(0x3f8)], // mov edx, port
    [0x89, 0xf0, 0xe8, ...u32(0x12)], // mov eax, esi; call hex
    [0xb0, 0x20, 0xee], // mov al, ' '; out dx, al
    [0x89, 0xf8, 0xe8, ...u32(0x08)], // mov eax, edi; call hex
    [0xb0, 0x0a, 0xee], // mov al, newline; out dx, al
    [0xfb, 0xf4, 0xfa, 0xeb, 0xa2], // sti; hlt; cli; jmp round
    [0xb9, ...u32(8)], // hex: mov ecx, 8
    [0xc1, 0xc0, 4, 0x50, 0x24, 15, 0x04, 0x30], // rol eax, 4; push eax; and al, 15; add al, '0'
    [0x3c, 0x39, 0x76, 2, 0x04, 39, 0xee, 0x58], // cmp al, '9'; jbe +2; add al, 39; out dx, al; pop eax
    [0xe2, 0xee, 0xc3], // loop to the rol; ret
    [0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf], // tick: push eax; the interrupt is done; pop eax; iret
  ].flat();
  return multibootKernel(code);
}

/** What the guest has written, here and there, the place where it was first. */
export interface CountingStory {
  /** Whole rounds. */
  readonly rounds: number;
  /** What is wrong with it, empty when nothing. */
  readonly fault: string;
}

/** Reads the console of a guest that may have moved in the middle of a line. */
export function readCounting(console: string): CountingStory {
  const lines = console.split('\n').slice(0, -1);
  for (const [index, line] of lines.entries()) {
    const [round, wrong] = line.split(' ').map((digits) => Number.parseInt(digits, 16));
    if (!/^[0-9a-f]{8} [0-9a-f]{8}$/.test(line) || round !== index + 1) {
      return { rounds: lines.length, fault: `line ${index + 1} of the guest is "${line}"` };
    }
    if (wrong !== 0) return { rounds: lines.length, fault: `in round ${round} ${wrong} words of the guest's memory were wrong` };
  }
  return { rounds: lines.length, fault: '' };
}
