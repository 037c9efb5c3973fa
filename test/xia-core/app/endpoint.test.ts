import { describe, expect, it } from 'vitest';
import { formatEndpoint, isLoopback, parseEndpoint } from '../../../xia-core/src/app/endpoint.js';

describe('parseEndpoint', () => {
  it.each(['127.0.0.1:0', '[::1]:7101', 'router.example:65535'])('reads %s and formatEndpoint gives it back', (text) => {
    expect(formatEndpoint(parseEndpoint(text))).toBe(text);
  });

  it.each(['', '7101', '127.0.0.1', '127.0.0.1:', '::1:7101', '[nonsense]:1', '1.2.3.4:65536', '1.2.3.4:-1', '1.2.3.4:1x'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
    },
  );

  it('knows what stays on this machine', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
    expect(['10.0.0.1', '::2', '127.example.org'].some(isLoopback)).toBe(false);
  });
});
