import { tcpPort } from './loopback.js';
import { createNodePair, measurePair } from './node-pair.js';
import type { Scenario } from './scenario.js';

/** No NAT between them: each learns the other's host candidates through the rendezvous server. */
export const direct: Scenario = {
  connection: 'direct',
  setting: 'no NAT between them',
  async run(context) {
    const { stage, signal, step } = context;
    const rendezvous = `127.0.0.1:${String(await tcpPort())}`;
    step('direct: a rendezvous server and two nodes');
    await stage.startServers({ rendezvous: { listen: rendezvous } }, signal);
    const pair = await createNodePair(context, () => ({
      list: [
        ['@wirepath/source-host', { loopback: true, interfaces: { include: ['lo*'] } }],
        ['@wirepath/transport-wg', { mode: 'embedded', tun: false, listenPort: 0 }],
        ['@wirepath/signaling-rendezvous', { url: `ws://${rendezvous}` }],
      ],
    }));
    step('direct: connecting');
    return measurePair(pair, 'direct', context);
  },
};
