import { describe, it } from 'vitest';
import { peerDiscoveryConformance, runConformance } from '../../../packages/testkit/src/index.js';
import plugin from '../src/index.js';
import { peersFile } from './peers-file.js';

describe('peers-file is a peer discovery', () => {
  runConformance(
    peerDiscoveryConformance(async ({ clock, logger }) => {
      const { append, remove, ...files } = peersFile();
      const { peerDiscovery } = await plugin.create({ clock, logger, files }, { file: 'peers.txt', pollSeconds: 5 });
      return { create: () => peerDiscovery!, expected: ['b', 'c'], change: append, dispose: remove };
    }),
    it,
  );
});
