import { randomBytes } from 'node:crypto';
import type { RcFileContent } from '@wirepath/core';
import { loopbackAddresses, udpPort } from './loopback.js';
import { NatBox } from './nat/nat-box.js';
import { natPlugin } from './nat/nat-plugin.js';
import type { NatSettings } from './nat/nat-table.js';
import { createNodePair, measurePair } from './node-pair.js';
import type { Scenario, ScenarioContext } from './scenario.js';

/** Two networks as homes have them; neither exists. */
const LAN_ADDRESS = { a: '192.168.1.10', b: '192.168.2.10' };
const NAT_PLUGIN = 'demo-nat';

/** Each node behind a simulated NAT of its own, with a STUN, TURN and rendezvous server outside. */
export function behindNats(
  connection: 'hole-punched' | 'relayed',
  {
    setting,
    nat,
    addresses = loopbackAddresses,
  }: { setting: string; nat: NatSettings; addresses?: typeof loopbackAddresses },
): Scenario {
  return {
    connection,
    setting,
    async run(context) {
      const { network, step } = context;
      step(`${connection}: STUN, TURN and rendezvous servers, two NATs, two nodes`);
      const internet = await addresses();
      const servers = await startServers(context, internet);
      const boxes = {
        a: new NatBox({ outsideIp: internet.natA, insideIp: LAN_ADDRESS.a, nat }),
        b: new NatBox({ outsideIp: internet.natB, insideIp: LAN_ADDRESS.b, nat }),
      };
      network.onClose(async () => void (await Promise.all([boxes.a.close(), boxes.b.close()])));
      const pair = await createNodePair(context, (name) => ({
        list: [NAT_PLUGIN, ...servers],
        own: { [NAT_PLUGIN]: async () => natPlugin(NAT_PLUGIN, boxes[name]) },
      }));
      step(`${connection}: connecting`);
      return measurePair(pair, connection, context);
    },
  };
}

/** @returns the plugins with which a node uses them. */
async function startServers(
  { network, signal }: ScenarioContext,
  { server, alternate }: Awaited<ReturnType<typeof loopbackAddresses>>,
): Promise<NonNullable<RcFileContent['plugins']>> {
  const relay = `${server}:${String(await udpPort(server))}`;
  const user = { name: 'demo', secret: randomBytes(16).toString('hex') };
  const sections = {
    stun: {
      listen: relay,
      alternate: alternate === undefined ? null : `${alternate}:${String(await udpPort(alternate))}`,
    },
    // A relay refuses to relay to loopback unless it is told to.
    turn: { listen: relay, users: { [user.name]: user.secret }, allowPeers: ['127.0.0.0/8'] },
    rendezvous: { listen: `${server}:0` },
  };
  const addresses = await network.startServers(sections, signal);
  const rendezvous = addresses.find(({ section }) => section === 'rendezvous');
  return [
    ['@wirepath/source-stun', { servers: [relay] }],
    ['@wirepath/source-relay', { servers: [{ url: `turn:${relay}`, username: user.name, credential: user.secret }] }],
    // Over TCP, and past the NATs: TCP gets out of any.
    ['@wirepath/signaling-rendezvous', { url: rendezvous?.url }],
  ];
}
