import { peerDiscoveryConformance, runConformance } from '../../src/index.js';
import { it } from 'vitest';
import { KEY_A, MyRegistry } from './my-plugins.js';

runConformance(
  peerDiscoveryConformance(() => {
    const b = { name: 'b', publicKey: KEY_A, allowedIps: ['10.77.0.2/32'], keepaliveSeconds: 25 };
    return { create: () => new MyRegistry([b]), expected: ['b'] };
  }),
  it,
);
