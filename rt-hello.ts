import { once } from 'node:events';
import { PrincipalType, XiaNode, Xid } from 'xia-core';

// "xtestbed exec HOST" puts the address of the host's access face into XIA_HOST.
const faces = [{ name: 'host', role: 'uplink', udp: { listen: '127.0.0.1:0', peers: [process.env['XIA_HOST'] ?? ''] } }] as const;
await using server = await XiaNode.start({ faces });
await using client = await XiaNode.start({ faces });

// A service is a SID; made of the server's own key, it proves itself to whoever connects.
const sid = new Xid(PrincipalType.SID, server.hid.id);
const listening = await server.listen(sid);
await server.register('hello.xia', { sid });

// STREAM: a Duplex with TLS 1.3 that survives the moves of both ends.
const stream = await client.connect('hello.xia');
stream.end('hello\n');
for await (const piece of (await listening.accept()) ?? []) process.stdout.write(piece);

// CHUNK: bytes named by their hash, fetched from wherever they are nearest and checked before use.
const { dag } = server.publish(new TextEncoder().encode('content\n'));
process.stdout.write(await client.fetch(dag));

// DGRAM: one packet, perhaps lost.
const socket = server.datagram();
const message = once(socket, 'message');
client.datagram().send(socket.dag, new TextEncoder().encode('datagram\n'));
process.stdout.write((await message)[0]);
