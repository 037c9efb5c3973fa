import { expect, it } from 'vitest';
import { storageOf } from '../../../migrate/src/disk/disk-storage.js';

it.each([
  ['/var/lib/a.img', { kind: 'local', path: '/var/lib/a.img', isAbsolute: true }],
  ['a.img', { kind: 'local', path: 'a.img', isAbsolute: false }],
  ['file:/a:b.img', { kind: 'local', path: '/a:b.img', isAbsolute: true }],
  ['/a:b.img', { kind: 'local', path: '/a:b.img', isAbsolute: true }],
  ['rbd:pool/image', { kind: 'remote', protocol: 'rbd', location: 'rbd:pool/image' }],
  ['nbd+unix:///x?socket=/run/s', { kind: 'remote', protocol: 'nbd', location: 'nbd+unix:///x?socket=/run/s' }],
  ['https://host/a.img', { kind: 'remote', protocol: 'https', location: 'https://host/a.img' }],
  ['iscsi://host/target/0', { kind: 'remote', protocol: 'iscsi', location: 'iscsi://host/target/0' }],
  ['null-co://', { kind: 'other', location: 'null-co://' }],
  ['json:{"driver":"null-co"}', { kind: 'other', location: 'json:{"driver":"null-co"}' }],
  ['json:{', { kind: 'other', location: 'json:{' }],
  ['json:7', { kind: 'other', location: 'json:7' }],
  ['json:{"driver":"raw","offset":512,"file":{"driver":"file","filename":"/a"}}', { kind: 'local', path: '/a', isAbsolute: true }],
  ['json:{"driver":"qcow2","file":{"driver":"host_device","filename":"/dev/sda"}}', { kind: 'local', path: '/dev/sda', isAbsolute: true }],
])('reads where %s is', (name, storage) => {
  expect(storageOf(name)).toEqual(storage);
});

it('reads the driver that reaches a server below a format', () => {
  const name = 'json:{"driver":"qcow2","file":{"driver":"nbd","server":{"type":"unix","path":"/s"}}}';
  expect(storageOf(name)).toEqual({ kind: 'remote', protocol: 'nbd', location: name });
});
