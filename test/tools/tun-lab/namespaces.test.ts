import { afterEach, describe, expect, it, vi } from 'vitest';
import { requireTcpAlgorithm } from '../../../tools/src/tun-lab/tcp-algorithm.js';
import { withTunLab } from '../../../tools/src/tun-lab/index.js';

afterEach(() => void vi.restoreAllMocks());

describe('what the laboratory needs', () => {
  it('is root', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    const use = vi.fn<() => Promise<void>>();
    await expect(withTunLab({ link: 'lan' }, use)).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: expect.stringContaining('root'),
    });
    expect(use).not.toHaveBeenCalled();
  });

  it('is a congestion control that the kernel has', async () => {
    await expect(requireTcpAlgorithm('no-such')).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: expect.stringContaining('modprobe tcp_no-such'),
    });
  });

  it('is an MTU that its buffers hold', async () => {
    await expect(withTunLab({ link: 'lan', mtu: 9000 }, async () => {})).rejects.toMatchObject({ code: 'bad-argument' });
  });
});
