import { atLeast, type Section } from '../bench-forwarding/report.js';
import { chunks } from './candidates.js';
import { compare, figuresOf, speedRatio, type CompareOptions } from './compare.js';
import { libp2p, ndnts } from './peer-candidates.js';
import { installPeers } from './peer-packages.js';

const OURS = 'encrypted chunks, two routers between';
const LIBP2P = 'js-libp2p, TCP, Noise and yamux, nothing between';
const NDN = 'NDNts segmented fetch, 8 KB over UDP, nothing between';
const NAME = 'beside other transports in JavaScript';

/** Chunks beside what others have written in JavaScript, which is installed for it if that can be done. */
export async function peerSections(options: CompareOptions): Promise<Section[]> {
  try {
    await installPeers(options.peersFolder);
  } catch (error) {
    return [{ name: NAME, figures: [], reaches: [], notes: [`not measured: ${(error as Error).message}`] }];
  }
  const candidates = [chunks(OURS), libp2p(LIBP2P, options.peersFolder), ndnts(NDN, options.peersFolder)];
  const comparison = await compare(candidates, options);
  return [
    {
      name: NAME,
      figures: candidates.flatMap(({ name }) => figuresOf(comparison, name)),
      reaches: [
        atLeast('over js-libp2p', speedRatio(comparison, OURS, LIBP2P), 1),
        atLeast('over NDNts', speedRatio(comparison, OURS, NDN), 1),
      ],
      notes: comparison.notes,
    },
  ];
}
