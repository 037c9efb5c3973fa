/** Error numbers of Linux, the same on all processors that `loadUdpKernel` knows. */
export const Errno = {
  NONE: 0,
  NO_ENTRY: 2,
  INTERRUPTED: 4,
  IO: 5,
  AGAIN: 11,
  NO_ACCESS: 13,
  INVALID: 22,
  NO_CALL: 38,
  TOO_LARGE: 90,
  NO_OPTION: 92,
  NOT_SUPPORTED: 95,
  IN_USE: 98,
  NO_BUFFERS: 105,
  REFUSED: 111,
} as const;
