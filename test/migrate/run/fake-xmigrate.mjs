// Stands in for xmigrate in tests of what drives it: the same command line, events and state files over a UNIX socket, no network.
// usage: fake-xmigrate.mjs MODE send|recv --vm V --host SOCKET --state DIR --events FILE [--to SOCKET]
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const [mode, command, ...words] = process.argv.slice(2);
const options = Object.fromEntries(words.flatMap((word, index) => (word.startsWith('--') ? [[word.slice(2), words[index + 1]]] : [])));
const event = (name, fields = {}) => appendFileSync(options.events, `${JSON.stringify({ event: name, atMs: 0, ...fields })}\n`);
let sequence = 0;

function mark(role, phase) {
  mkdirSync(options.state, { recursive: true });
  const record = { format: 1, vm: options.vm, role, phase, transfer: '', peer: '', pid: process.pid, sequence: ++sequence };
  const rest = { updatedAt: new Date().toISOString(), bytes: 0, chunks: 0, reason: '' };
  writeFileSync(join(options.state, `${options.vm}.json`), JSON.stringify({ ...record, ...rest }));
}

function finish(outcome, bytes, code) {
  event('summary', { outcome, bytes, chunks: 1, sha256: 'ff', reason: outcome === 'aborted' ? 'as the test wants' : '', peakRssMb: 50 });
  process.exit(code);
}

event('started', { pid: process.pid });

if (command === 'send') {
  mark('source', 'sending');
  const socket = connect(options.to);
  let bytes = 0;
  process.on('SIGTERM', () => {
    socket.destroy();
    mark('source', 'running');
    finish('aborted', bytes, 1);
  });
  event('connected');
  process.stdin.on('data', (piece) => {
    bytes += piece.length;
    if (mode === 'send-dies') process.kill(process.pid, 'SIGKILL');
    if (mode === 'send-stalls') return void process.stdin.pause();
    const head = Buffer.alloc(4);
    head.writeUInt32BE(piece.length);
    socket.write(Buffer.concat([head, piece]));
  });
  process.stdin.on('end', () => {
    event('input-sent');
    socket.write(Buffer.alloc(4));
  });
  socket.on('data', (answer) => {
    if (answer.toString() === 'R') {
      mark('source', 'handed-over');
      event('committing');
      if (mode === 'send-dies-in-commit') process.kill(process.pid, 'SIGKILL');
      socket.end('C');
    } else {
      mark('source', 'running');
      finish('aborted', bytes, 1);
    }
  });
  socket.on('close', () => {
    mark('source', 'gone');
    finish('handed-over', bytes, 0);
  });
} else {
  const path = `${options.host}.sock`;
  createServer((socket) => {
    let buffered = Buffer.alloc(0);
    let committed = false;
    const stream = [];
    mark('destination', 'receiving');
    event('connected');
    process.on('SIGTERM', () => finish('aborted', 0, 1));
    socket.on('close', () => {
      if (committed) return;
      mark('destination', 'aborted');
      finish('aborted', 0, 1);
    });
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      buffered = Buffer.concat([buffered, piece]);
      if (buffered.length === 1 && buffered[0] === 0x43) {
        committed = true;
        mark('destination', 'running');
        event('taking');
        const whole = Buffer.concat(stream);
        const given = mode === 'load-fails' ? whole.subarray(0, whole.length >> 1) : whole;
        process.stdout.write(given, () => finish('taken', whole.length, 0));
        return;
      }
      while (buffered.length >= 4) {
        const length = buffered.readUInt32BE();
        if (length === 0) {
          buffered = buffered.subarray(4);
          mark('destination', mode === 'refuse' ? 'aborted' : 'received');
          event('received');
          socket.write(mode === 'refuse' ? 'A' : 'R');
          if (mode === 'refuse') finish('aborted', 0, 1);
          return;
        }
        if (buffered.length < 4 + length) return;
        stream.push(Buffer.from(buffered.subarray(4, 4 + length)));
        buffered = buffered.subarray(4 + length);
      }
    });
  }).listen(path, () => event('listening', { dag: path }));
}
