import { candidateSourceConformance, runConformance, StaticOutside } from '@wirepath/testkit';
import { describe, it } from 'vitest';
import { parseServerName } from '../src/server-name.js';
import { StunSource } from '../src/stun-source.js';
import { MemoryDatagrams, MemoryInternet, type NatOptions } from './memory-internet.js';
import { MemoryStunServer } from './memory-stun-server.js';

const NAT: NatOptions = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' };

describe('the STUN source is a candidate source', () => {
  runConformance(
    candidateSourceConformance(({ clock, time, logger, random }) => {
      const internet = new MemoryInternet(time);
      new MemoryStunServer(internet, '203.0.113.10:3478', { alternate: '203.0.113.11:3479' });
      const servers = ['203.0.113.10:3478', '203.0.113.20:3478'].flatMap((text) => parseServerName(text) ?? []);
      const outside = new StaticOutside();
      return {
        create: () => new StunSource(servers, { logger, clock, random, outside }),
        datagrams: new MemoryDatagrams(internet, { nat: NAT }),
        expected: [{ type: 'server-reflexive', address: '198.51.100.1:20000' }],
      };
    }),
    it,
  );
});
