import { createNode, type LoadedConfig } from '@wirepath/core';
import { logConnectionChanges } from '../node/change-log.js';
import { peerParam, pingParams } from '../node/control-params.js';
import type { CommandContext } from './definition.js';
import { runInForeground } from './foreground.js';
import type { ForegroundProcess } from '../node/foreground-process.js';
import { requireNode } from './require-node.js';

export interface UpOptions {
  readonly config?: string;
}

export function up(context: CommandContext, { config }: UpOptions): Promise<number> {
  const describe = {
    role: 'node' as const,
    publicKeyOf: (loaded: LoadedConfig) => requireNode(context, loaded).identity.publicKey,
  };
  return runInForeground(context, config, describe, async (loaded, environment): Promise<ForegroundProcess> => {
    const node = await createNode(context.product, loaded, environment);
    const changes = logConnectionChanges(node, environment.logger);
    return {
      capabilities: loaded.plugins.flatMap(({ definition }) => definition.capabilities ?? []),
      start: (options) => node.start(options),
      stop: async (options) => {
        changes[Symbol.dispose]();
        await node.stop(options);
      },
      reload: async (changed) => {
        requireNode(context, changed);
        for (const line of await node.reload(changed)) environment.logger.warn(`${line}: this needs a restart`);
      },
      status: () => node.status(),
      methods: {
        explain: (params, { signal }) => node.explain(peerParam(params), { signal }),
        ping: (params, { signal }) => node.ping(peerParam(params), { ...pingParams(params), signal }),
        netcheck: (_params, { signal }) => node.netcheck({ signal }),
      },
      onChange: (listener) => node.onChange(listener),
    };
  });
}
