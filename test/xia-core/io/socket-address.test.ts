import { describe, expect, test } from 'vitest';
import { formatHostPort, isLoopback, parseHostPort } from '../../../xia-core/src/io/socket-address.js';

describe('parseHostPort', () => {
  test.each([
    ['127.0.0.1:7000', { address: '127.0.0.1', port: 7000, family: 4 }],
    ['[::1]:0', { address: '::1', port: 0, family: 6 }],
    ['[2001:DB8:0::0001]:65535', { address: '2001:db8::1', port: 65_535, family: 6 }],
    ['[fe80::1%eth0]:7', { address: 'fe80::1%eth0', port: 7, family: 6 }],
    ['localhost:7000', { address: '127.0.0.1', port: 7000, family: 4 }],
  ])('reads %s', (text, expected) => {
    expect(parseHostPort(text)).toEqual(expected);
  });

  test.each(['', '127.0.0.1', '127.0.0.1:', ':7000', '::1:7000', '[127.0.0.1]:7000', '127.0.0.1:65536', 'example.org:7000', '1.2.3:4'])(
    'refuses %j',
    (text) => {
      expect(() => parseHostPort(text)).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
    },
  );

  test('knows what stays on this machine', () => {
    const stays = (text: string) => isLoopback(parseHostPort(text));
    expect(['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', 'localhost:1'].every(stays)).toBe(true);
    expect(['10.0.0.1:1', '[::2]:1', '12.7.0.0:1'].some(stays)).toBe(false);
  });

  test('formatHostPort is its inverse', () => {
    for (const text of ['192.0.2.1:7', '[2001:db8::1]:80']) {
      const { address, port } = parseHostPort(text);
      expect(formatHostPort(address, port)).toBe(text);
    }
  });
});
