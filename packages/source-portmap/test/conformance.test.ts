import { candidateSourceConformance, runConformance, StaticEgress, VirtualDatagrams } from '@wirepath/testkit';
import { describe, it } from 'vitest';
import { PortmapSource } from '../src/portmap-source.js';
import { Home, PUBLIC_IP, sourceNeeds, wayOut } from './node-behind-gateway.js';

describe.each(['pcp', 'nat-pmp'] as const)('a source that asks by %s is a candidate source', (protocol) => {
  runConformance(
    candidateSourceConformance(({ clock, time }) => {
      const home = new Home({ time });
      const egress = new StaticEgress([wayOut('192.168.1.2')]);
      let moves = 0;
      return {
        create: () => new PortmapSource({ ...sourceNeeds(clock, egress, 'a'), protocols: [protocol] }),
        datagrams: new VirtualDatagrams(home.host('192.168.1.2')),
        expected: [{ type: 'server-reflexive', address: `${PUBLIC_IP}:51820` }],
        change: () => egress.change([wayOut('192.168.1.2', `192.168.1.${100 + moves++}`)]),
      };
    }),
    it,
  );
});
