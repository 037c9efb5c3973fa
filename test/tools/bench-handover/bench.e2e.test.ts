import { describe, expect, it } from 'vitest';
import { bench, valueOf } from './quick-bench.js';

describe('npm run bench:handover', () => {
  it('--quick moves a real guest, and sees each step of the handover', () => {
    const report = bench('handover');
    const value = (figure: string) => valueOf(report, 'moves by xmigrate', figure);
    const paused = value('STOP to RESUME');
    expect(paused).toBeGreaterThan(0);
    expect(value('to the first packet delivered')).toBeGreaterThan(-1000);
    expect(value("to the gateway's ack")).toBeGreaterThan(-1000);
    expect(value('to the announcement')).toBeGreaterThan(-1000);
    // The client has heard nothing for as long as the guest ran nowhere; a capture's stamps and an xping's are ms.
    expect(value('gap at the client')).toBeGreaterThan((paused ?? 0) - 20);
  });
});
