/** Every error code of the project with what it means. Sorted; a code is a promise to callers and never changes meaning. */
export const errorCodes = {
  'address-in-use': 'another program, or another face, has the address that a face is to listen on',
  'already-running': 'another process serves this socket, port or state file',
  'attach-timeout': 'no router accepted the node in time',
  'bad-argument': 'a caller passed a value outside the documented range',
  'bad-config': 'a configuration file is unreadable or breaks its schema',
  'bad-dag': 'a DAG address breaks the grammar or is not a valid graph',
  'bad-endpoint': 'a text is not ADDRESS:PORT',
  'bad-hex': 'a text is not pairs of hexadecimal digits',
  'bad-key': 'a key file is missing, unreadable, holds another kind of key, or is in the way of a new one',
  'bad-request': 'a control request is malformed or names no method',
  'bad-xid': 'an XID is not TYPE:40 hex digits of a known principal type',
  'connection-closed': 'a stream is over: the peer ended it, refused it, was silent for too long, or this side gave it up',
  'control-failed': 'a daemon broke the control connection or answered with a code of its own',
  'control-unreachable': 'no daemon answers on a control socket',
  'disk-failed': 'the disk of a virtual machine could not be copied',
  'face-failed': 'the operating system refused what a face asked for, or a connection of a face broke',
  'fetch-failed': 'a chunk did not come, or what came is not what its CID says',
  'guest-build-failed': 'the image of the demo guest could not be made',
  'guest-failed': 'the program inside a virtual machine failed',
  'handshake-failed': 'a secure stream could not be set up: the peer went away, was silent, or speaks something else',
  interrupted: 'the user or the system asked the program to stop',
  'limit-reached': 'there are as many of something as there may be',
  'missing-prerequisite': 'something outside the project that it needs is not installed or not usable',
  'name-not-found': 'the name service knows no such name',
  'name-service-timeout': 'the name service did not answer in time',
  'peer-not-authentic': 'the peer of a secure stream does not hold the key that its name promises',
  'program-failed': 'a program that this one had started ended before it had done its work',
  'qemu-failed': 'a QEMU process did not start, or died',
  'qmp-error': 'QEMU refused a command, or broke the QMP conversation',
  refused: 'the other side answered and refused',
  'stream-failed': 'the connection under a secure stream broke',
  'testbed-failed': 'a process of a testbed did not start or died',
  timeout: 'an answer did not come in time',
  'too-large': 'a message does not fit the field or the bound that limits it',
  unreachable: 'a destination cannot be reached or does not answer',
  usage: 'the arguments of a program are incomplete or contradict each other',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** The one error type that is thrown: caller mistakes and I/O faults. Recognise it by `code`, never by message text. */
export class XiaError extends Error {
  override readonly name = 'XiaError';
  readonly code: ErrorCode;
  /** What the error is about, for logs and `--json`; keys depend on the code. */
  readonly context: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, context: Record<string, unknown> = {}, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.context = context;
  }
}
