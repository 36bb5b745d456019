import { definePlugin, type PluginDefinition } from '@wirepath/core/plugin';
import { LanSignaling } from './lan-signaling.js';
import { DEFAULT_PORT } from './protocol/lan-v1.js';

const plugin: PluginDefinition = definePlugin({
  name: '@wirepath/signaling-lan',
  apiVersion: 2,
  options: (z) =>
    z.strictObject({
      port: z
        .int()
        .min(1)
        .max(65_535)
        .default(DEFAULT_PORT)
        .describe('UDP port of the multicast groups; the same on all nodes'),
      interfaces: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe('Names of the interfaces to search on; default: all that lead to a network'),
    }),
  needs: ['logger', 'clock', 'guard', 'random', 'identity', 'node', 'peers', 'events'],
  provides: ['signaling'],
  create: (needs, options) => ({ signaling: new LanSignaling(needs, options) }),
});

export default plugin;
