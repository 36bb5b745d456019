import { createNodePair, measurePair } from './node-pair.js';
import type { Scenario } from './scenario.js';

/** No NAT between them: each learns the other's host candidates through the rendezvous server. */
export const direct: Scenario = {
  connection: 'direct',
  setting: 'no NAT between them',
  async run(context) {
    const { network, signal, step } = context;
    step('direct: a rendezvous server and two nodes');
    const [rendezvous] = await network.startServers({ rendezvous: { listen: '127.0.0.1:0' } }, signal);
    const pair = await createNodePair(context, () => ({
      list: [
        ['@wirepath/source-host', { loopback: true, interfaces: { include: ['lo*'] } }],
        ['@wirepath/transport-wg', { mode: 'embedded', tun: false, listenPort: 0 }],
        ['@wirepath/signaling-rendezvous', { url: rendezvous?.url }],
      ],
    }));
    step('direct: connecting');
    return measurePair(pair, 'direct', context);
  },
};
