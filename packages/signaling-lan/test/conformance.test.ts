import { EdgeGuard } from '@wirepath/core';
import { pluginConformance, runConformance, signalingConformance } from '@wirepath/testkit';
import { describe, it } from 'vitest';
import plugin, { LanSignaling } from '../src/index.js';
import { MemoryLan } from './memory-lan.js';
import { identityOf, nodeWith } from './support.js';

const ALICE = identityOf(1);
const BOB = identityOf(2);

describe('as a plugin', () => {
  runConformance(
    pluginConformance(() => ({ plugin, options: {} })),
    it,
  );
  runConformance(
    pluginConformance(() => ({ plugin, options: { port: 6000, interfaces: ['eth0'] } })),
    it,
  );
});

describe('as signalling', () => {
  runConformance(
    signalingConformance(({ clock, time, logger, random }) => {
      const lan = new MemoryLan(time);
      const guard = EdgeGuard.create('lan', { logger, clock });
      const node = { interfaceName: 'wp0', addresses: [], mtu: 1420 };
      const subject = (identity: typeof ALICE, peer: typeof BOB, ip: string) => ({
        publicKey: identity.publicKey,
        create: () => {
          const needs = { clock, logger, guard, random, identity, node, ...nodeWith([peer]).needs() };
          return new LanSignaling(needs, {}, lan.host(ip));
        },
      });
      return { nodes: [subject(ALICE, BOB, '192.0.2.1'), subject(BOB, ALICE, '192.0.2.2')] };
    }),
    it,
  );
});
