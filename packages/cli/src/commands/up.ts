import { createNode } from '@wirepath/core';
import { logConnectionChanges } from '../node/change-log.js';
import { peerParam, pingParams } from '../node/control-params.js';
import type { CommandContext } from './definition.js';
import { runInForeground, type ForegroundProcess } from './foreground.js';
import { requireNode } from './require-node.js';

export interface UpOptions {
  readonly config?: string;
}

export function up(context: CommandContext, { config }: UpOptions): Promise<number> {
  return runInForeground(context, config, async (loaded, environment): Promise<ForegroundProcess> => {
    const { publicKey } = requireNode(context, loaded).identity;
    const node = await createNode(context.product, loaded, environment);
    const changes = logConnectionChanges(node, environment.logger);
    return {
      role: 'node',
      publicKey,
      start: (options) => node.start(options),
      stop: async () => {
        changes[Symbol.dispose]();
        await node.stop();
      },
      reload: async (changed) => {
        requireNode(context, changed);
        await node.reload(changed);
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
