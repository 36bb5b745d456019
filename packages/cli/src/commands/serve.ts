import { createServer, Lifecycle, reloadServers } from '@wirepath/core';
import { reasonOf, sleep } from '@wirepath/core/plugin';
import type { ServerStatusDocument } from '../node/server-status.js';
import type { CommandContext } from './definition.js';
import { runInForeground } from './foreground.js';
import type { ForegroundProcess } from '../node/foreground-process.js';

export interface ServeOptions {
  readonly config?: string;
  /** Seconds. */
  readonly drainTimeout?: number;
}

export function serve(context: CommandContext, { config, drainTimeout }: ServeOptions): Promise<number> {
  const describe = { role: 'server' as const, publicKeyOf: () => null };
  return runInForeground(context, config, describe, async (loaded, environment): Promise<ForegroundProcess> => {
    const { logger, guard, clock, phases } = environment;
    const servers = await createServer(context.product, loaded, environment);
    const lifecycle = new Lifecycle(
      servers.map((server) => ({
        name: server.sections.join(' and '),
        service: {
          start: (options) => phases.track(server.plugin, 'start', () => server.start(options)),
          stop: () => server.stop(),
        },
        plugin: true,
      })),
      { clock, logger },
    );
    // Of the rc file as it was read last.
    let untaken: readonly string[] = [];
    const since = new Date().toISOString();
    let drainsUntil: string | null = null;
    const drain = async (withinMs: number, signal: AbortSignal): Promise<void> => {
      drainsUntil = new Date(Date.now() + withinMs).toISOString();
      logger.info('server drains', { until: drainsUntil });
      const drained = Promise.all(servers.map((server) => server.drain({ withinMs })));
      // Nor is a failure a reason not to stop.
      const failed = drained.catch((error: unknown) => logger.error(`draining: ${reasonOf(error)}`));
      await Promise.race([failed, sleep(clock, withinMs, signal)]);
    };
    return {
      capabilities: loaded.serverParts.flatMap(({ part }) => part.capabilities ?? []),
      start: async (options) => {
        await lifecycle.start(options);
        for (const line of servers.flatMap((server) => server.describe())) {
          logger.info(`listening: ${line}`, { listener: line });
        }
      },
      ...(drainTimeout !== undefined && { drain: ({ signal }) => drain(drainTimeout * 1000, signal) }),
      stop: () => lifecycle.stop(),
      reload: async (changed) => {
        untaken = reloadServers(servers, changed);
        for (const clause of untaken) logger.warn(`${clause}: this needs a restart`);
      },
      status: (): ServerStatusDocument => ({
        server: {
          listeners: servers.flatMap((server) => server.describe()),
          parts: servers.map((server) => ({
            listeners: server.describe(),
            addresses: server.addresses(),
            figures: server.status?.() ?? {},
          })),
          failed: guard.counters(),
          problems: [
            ...guard.problems(),
            ...servers.flatMap((server) => server.problems()),
            ...untaken.map((clause) => `the rc file: ${clause}: this needs a restart`),
          ],
          since,
          drainsUntil,
        },
      }),
      methods: {},
      // Servers have figures, not events: a watcher's interval shows them.
      onChange: () => ({ [Symbol.dispose]: () => undefined }),
    };
  });
}
