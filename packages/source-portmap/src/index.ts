/**
 * Candidates that the gateway forwards because it was asked to: by PCP (RFC 6887), NAT-PMP (RFC 6886) or UPnP IGD, all at
 * once, whichever maps first.
 *
 * ```yaml
 * plugins:
 *   - '@wirepath/source-portmap'
 * ```
 *
 * @packageDocumentation
 */
import { definePlugin } from '@wirepath/core/plugin';
import { listenToAnnouncements } from './edge/announcements.js';
import { mappingNonce } from './mapping-nonce.js';
import { PortmapSource } from './portmap-source.js';
import { PROTOCOLS } from './protocol/inquiry.js';

export { PortmapSource, type PortmapSourceNeeds } from './portmap-source.js';
export { PROTOCOLS, type Protocol } from './protocol/inquiry.js';

export default definePlugin({
  name: '@wirepath/source-portmap',
  apiVersion: 2,
  options: (z) =>
    z.strictObject({
      protocols: z
        .array(z.enum(PROTOCOLS))
        .min(1)
        .max(PROTOCOLS.length)
        .default([...PROTOCOLS])
        .describe('What the gateway is asked by, all at once'),
      lifetimeSeconds: z
        .int()
        .min(120)
        .max(86_400)
        .default(7200)
        .describe(
          'How long the gateway is to keep a mapping that nobody renews; it is renewed at half of what is granted',
        ),
    }),
  needs: ['logger', 'clock', 'guard', 'random', 'identity', 'product', 'outside', 'egress'],
  provides: ['candidateSource'],
  create: (needs, options) => ({
    candidateSource: new PortmapSource({
      ...needs,
      ...options,
      description: needs.product.name,
      nonce: (text) => mappingNonce(needs.identity, text),
      listenToAnnouncements,
    }),
  }),
});
