import { definePlugin } from '@wirepath/core/plugin';
import { HostSource } from './host-source.js';
import { SystemEgress } from './system-egress.js';

export default definePlugin({
  name: '@wirepath/source-host',
  apiVersion: 1,
  options: (z) =>
    z.strictObject({
      interfaces: z
        .strictObject({
          include: z.array(z.string()).optional().describe('Names or globs of the interfaces to offer; default: all'),
          exclude: z.array(z.string()).optional().describe('Names or globs of interfaces not to offer'),
        })
        .default({})
        .describe('Which interfaces to make candidates of; tunnels and our own interface are never offered'),
      loopback: z.boolean().default(false).describe('Offer 127.0.0.1 and ::1 too, for peers on the same machine'),
      maxCandidates: z.int().min(1).max(32).default(16).describe('Most candidates to offer'),
    }),
  needs: ['logger', 'clock', 'node'],
  provides: ['candidateSource', 'egress'],
  // Pinning sockets of later gatherings, where Linux asks for it.
  capabilities: ['CAP_NET_RAW'],
  create: ({ logger, clock, node }, { interfaces, loopback, maxCandidates }) => {
    const egress = new SystemEgress({ logger, clock, node });
    const candidateSource = new HostSource(
      { logger, egress, networkState: () => egress.networkState() },
      { ...interfaces, loopback, maxCandidates },
    );
    return { candidateSource, egress };
  },
});
