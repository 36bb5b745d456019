/**
 * Server-reflexive candidates (RFC 8445) from STUN servers (RFC 8489), over the transport's own sockets, and what the NAT
 * in front of this node does (RFC 5780, in RFC 4787's terms).
 *
 * ```yaml
 * plugins:
 *   - ['@wirepath/source-stun', { servers: ['203.0.113.10:3478', 'stun.example.net'] }]
 * ```
 *
 * @packageDocumentation
 */
import { definePlugin } from '@wirepath/core/plugin';
import { parseServerName } from './server-name.js';
import { StunSource } from './stun-source.js';

export { StunSource, type StunSourceNeeds } from './stun-source.js';
export {
  StunClient,
  type BindingAnswer,
  type BindingOutcome,
  type BindingRequest,
  type StunClientNeeds,
  type StunDropReason,
} from './stun-client.js';
export { discoverNatBehavior, type Discovery, type LiveServer } from './nat-discovery.js';
export { parseServerName, type ServerName } from './server-name.js';

export default definePlugin({
  name: '@wirepath/source-stun',
  apiVersion: 1,
  options: (z) =>
    z.strictObject({
      /** STUN servers, `host:port`; asked all at once. */
      servers: z
        .array(
          z.string().refine((text) => parseServerName(text) !== undefined, {
            error: 'expected host:port, such as 203.0.113.10:3478 or stun.example.net:3478',
          }),
        )
        .min(1)
        .max(16)
        .meta({ description: 'STUN servers, `host:port`; all are asked at once' }),
    }),
  needs: ['logger', 'clock', 'random', 'outside'],
  requires: ['datagrams'],
  provides: ['candidateSource'],
  create: (needs, { servers }) => ({
    candidateSource: new StunSource(
      servers.map(parseServerName).filter((server) => server !== undefined),
      needs,
    ),
  }),
});
