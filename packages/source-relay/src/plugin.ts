import { definePlugin, defineServerPart, tlsProblems, type PluginDefinition } from '@wirepath/core/plugin';
import { relayOptionsSchema } from './client/relay-options.js';
import { TurnRelay } from './client/turn-relay.js';
import { NodeTurnServer } from './node-turn-server.js';
import { StunTurnServer } from './server/stun-turn-server.js';
import { serverOptionsSchema } from './server/server-options.js';

const serverPart = defineServerPart({
  sections: ['stun', 'turn'],
  // Addresses that come later are listened on, too, and the port may be below 1024.
  capabilities: ['CAP_NET_BIND_SERVICE'],
  options: serverOptionsSchema,
  check: ({ turn }, { files }) => tlsProblems(turn?.tls, ['turn', 'tls'], files),
  create: (needs, { stun, turn }) =>
    turn?.engine === 'node-turn'
      ? new NodeTurnServer(needs, { stun, turn })
      : new StunTurnServer(needs, { stun, turn }),
});

const plugin: PluginDefinition = definePlugin({
  name: '@wirepath/source-relay',
  apiVersion: 2,
  options: relayOptionsSchema,
  needs: ['logger', 'clock', 'guard', 'random', 'files', 'outside'],
  provides: ['relay'],
  // A relay without servers sends nothing: beside a device whose sockets are its own it does no harm.
  requires: ({ servers }) => (servers.length === 0 ? [] : ['datagrams']),
  create: (needs, options) => ({ relay: new TurnRelay(needs, options) }),
  serverParts: [serverPart],
});

export default plugin;
