import { describe, expect, it } from 'vitest';
import { viewTable } from '../../xrouter/src/xrouter/view-table.js';

const face = {
  id: 1,
  name: 'access',
  role: 'access',
  mtu: 65_507,
  address: '127.0.0.1:30000',
  packetsIn: 1_234_567,
  bytesIn: 10_000_000_000,
  packetsOut: 1_234_568,
  bytesOut: 10_000_000_001,
  droppedQueueFull: 1,
  droppedTooBig: 2,
  droppedNoNeighbour: 3,
  ignored: 4,
  neighboursEvicted: 5,
  faults: 6,
  neighbours: [
    { id: 1, address: '127.0.0.1:30001' },
    { id: 2, address: '127.0.0.1:30002' },
  ],
  details: { receiveBufferBytes: 425_984 },
};

describe('the tables of a daemon', () => {
  it('show of the faces what fits on a screen', () => {
    const [header = '', row = ''] = viewTable('faces', [face]).split('\n');
    expect(header.split(/ {2,}/)).toEqual([
      'NAME',
      'ROLE',
      'MTU',
      'ADDRESS',
      'PACKETS IN',
      'BYTES IN',
      'PACKETS OUT',
      'BYTES OUT',
      'DROPPED',
      'NEIGHBOURS',
    ]);
    expect(row.split(/ {2,}/)).toEqual([
      'access',
      'access',
      '65507',
      '127.0.0.1:30000',
      '1234567',
      '10000000000',
      '1234568',
      '10000000001',
      '6',
      '2',
    ]);
    expect(header.length).toBeLessThanOrEqual(120);
  });

  it('show everything of the others', () => {
    expect(viewTable('routes', [{ type: 'AD', xid: 'AD:1', next: '(self)' }])).toBe('TYPE  XID   NEXT\nAD    AD:1  (self)');
    expect(viewTable('cache', { bytes: 5 })).toBe('NAME   VALUE\nbytes  5');
    expect(viewTable('streams', [])).toBe('(empty)');
  });
});
