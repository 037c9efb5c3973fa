import { atLeast, type Section } from '../bench-forwarding/report.js';
import { socat } from './candidates.js';
import { compare, figuresOf, speedRatio, type CompareOptions } from './compare.js';
import { migration } from './migration.js';

const MIGRATION = 'xmigrate send to xmigrate recv';
const SOCAT = 'TCP through two socat';

/** The whole way of a migration without the two QEMUs, beside plain TCP through as many relays as there are routers. */
export async function migrationSections(options: CompareOptions): Promise<Section[]> {
  const candidates = [migration(MIGRATION, options.links), socat(SOCAT, [])];
  const comparison = await compare(candidates, options);
  return [
    {
      name: `a migration without QEMU on loopback: xmigrate send, HOST_A, R1, R2, HOST_B, xmigrate recv; the testbed inter-ad, linked by ${options.links === 'unix' ? 'UNIX sockets' : 'UDP'}`,
      figures: candidates.flatMap(({ name }) => figuresOf(comparison, name)),
      reaches: [atLeast('over TCP through two socat', speedRatio(comparison, MIGRATION, SOCAT), 0.5)],
      notes: [...comparison.notes, 'the start of both programs is included'],
    },
  ];
}
