/** Error numbers of Linux, the same on all processors that `loadUdpKernel` knows. */
export const Errno = {
  NONE: 0,
  INTERRUPTED: 4,
  IO: 5,
  AGAIN: 11,
  INVALID: 22,
  NO_CALL: 38,
  TOO_LARGE: 90,
  NO_OPTION: 92,
  NOT_SUPPORTED: 95,
  NO_BUFFERS: 105,
  REFUSED: 111,
} as const;
