import { egressConformance, runConformance } from '../../src/index.js';
import { it } from 'vitest';
import { MyEgress } from './my-plugins.js';

runConformance(
  egressConformance(() => {
    const egress = new MyEgress([{ interfaceName: 'eth0', family: 4, ip: '192.0.2.1', evidence: 'route' }]);
    return { create: () => egress, expected: ['eth0'], change: () => egress.change([]) };
  }),
  it,
);
