import { definePlugin, defineServerPart, tlsProblems, type PluginDefinition } from '@wirepath/core/plugin';
import { RendezvousClient } from './client/rendezvous-client.js';
import { clientOptions, serverOptions } from './options.js';
import { admissionProblems } from './server/admission-list.js';
import { RendezvousServer } from './server/rendezvous-server.js';

const serverPart = defineServerPart({
  sections: ['rendezvous'],
  options: (z) => z.strictObject({ rendezvous: serverOptions(z).optional() }),
  check: async ({ rendezvous }, { files }) => [
    ...(await admissionProblems(rendezvous ?? {}, files)),
    ...(await tlsProblems(rendezvous?.tls, ['rendezvous', 'tls'], files)),
  ],
  create: (needs, { rendezvous }) => new RendezvousServer(needs, rendezvous ?? {}),
});

const plugin: PluginDefinition = definePlugin({
  name: '@wirepath/signaling-rendezvous',
  apiVersion: 1,
  options: clientOptions,
  needs: ['logger', 'clock', 'guard', 'random', 'identity', 'files', 'outside'],
  provides: ['signaling'],
  create: (needs, { url, urls = [], caFile, proxy }) => ({
    signaling: new RendezvousClient(needs, { urls: url === undefined ? urls : [url, ...urls], caFile, proxy }),
  }),
  serverParts: [serverPart],
});

export default plugin;
