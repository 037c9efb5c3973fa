import { atLeast, type Section } from '../bench-forwarding/report.js';
import { chunks, plainTcp, socat, stream } from './candidates.js';
import { compare, figuresOf, speedOf, speedRatio, type CompareOptions } from './compare.js';

const CHUNKS = 'encrypted chunks';
const SOCAT = 'TCP through two socat';
const SOCAT_64K = 'TCP through two socat -b 65536';
const CLEAR = 'STREAM without TLS';
const TLS = 'STREAM and TLS 1.3';

/** Encrypted chunks through two routers, beside plain TCP through as many relays. */
export async function chunkSections(options: CompareOptions): Promise<Section[]> {
  const candidates = [chunks(CHUNKS), socat(SOCAT, []), socat(SOCAT_64K, ['-b', '65536']), plainTcp('TCP, nothing between')];
  const comparison = await compare(candidates, options);
  return [
    {
      name: 'chunks on loopback: sender, router, router, receiver; AES-256-GCM, CIDs by SHA-256, caches off',
      figures: candidates.flatMap(({ name }) => figuresOf(comparison, name)),
      reaches: [
        atLeast('GB/s', speedOf(comparison, CHUNKS), 0.4),
        atLeast('over TCP through two socat', speedRatio(comparison, CHUNKS, SOCAT), 0.7),
      ],
      notes: [...comparison.notes, 'every byte is compared with what was sent'],
    },
  ];
}

/** STREAM through two routers. */
export async function streamSections(options: CompareOptions): Promise<Section[]> {
  const candidates = [stream(TLS, true), stream(CLEAR, false)];
  const comparison = await compare(candidates, options);
  return [
    {
      name: 'STREAM on loopback: sender, router, router, receiver',
      figures: candidates.flatMap(({ name }) => figuresOf(comparison, name)),
      reaches: [atLeast('GB/s with TLS', speedOf(comparison, TLS), 0.15)],
      notes: [...comparison.notes, 'every byte is compared with what was sent'],
    },
  ];
}

/** The same chunks where no packet may be larger than 1500 bytes, less what UDP and IP need. */
export async function smallMtuSections(options: CompareOptions): Promise<Section[]> {
  const small = 'encrypted chunks, MTU 1472';
  const candidates = [chunks(CHUNKS), chunks(small, { mtu: 1472, offload: 'auto' })];
  const comparison = await compare(candidates, options);
  return [
    {
      name: 'chunks on loopback in packets of at most 1472 bytes, GSO and GRO at every process',
      figures: candidates.flatMap(({ name }) => figuresOf(comparison, name)),
      reaches: [atLeast('over packets of 65,507 bytes', speedRatio(comparison, small, CHUNKS), 0.6)],
      notes: comparison.notes,
    },
  ];
}
