import { definePlugin, type StatusDocument } from '@wirepath/core/plugin';
import { once } from 'node:events';
import { createServer } from 'node:http';

/** A page for a browser on this machine that says how each peer is connected, and what is wrong. */
export default definePlugin({
  name: 'status-page',
  apiVersion: 2,
  options: (z) => z.strictObject({ port: z.number().int().min(1).max(65_535).default(8077) }),
  needs: ['guard', 'status'],
  provides: ['service'],
  create: ({ guard, status }, { port }) => {
    const server = createServer();
    server.on(
      'request',
      guard.wrap('request', (_request, response) => response.end(pageOf(status.document()))),
    );
    server.on('error', (error) => guard.failed('page', error));
    let starting: Promise<unknown> | undefined;
    return {
      service: {
        async start() {
          starting = once(server.listen(port, '127.0.0.1'), 'listening');
          await starting;
        },
        async stop() {
          await starting?.catch(() => 'whoever started it was told');
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
        },
      },
    };
  },
});

const pageOf = ({ node, peers }: StatusDocument): string =>
  [...peers.map(({ name, connection }) => `${name}: ${connection}`), ...node.problems, ''].join('\n');
