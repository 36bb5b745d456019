import { createNode } from '../node/create-node.js';
import { ChangeLog } from '../node/change-log.js';
import { pingParams, peerParam } from '../node/control-params.js';
import type { CommandContext } from './definition.js';
import { runInForeground, type ForegroundProcess } from './foreground.js';

export interface UpOptions {
  readonly config?: string;
}

export function up(context: CommandContext, { config }: UpOptions): Promise<number> {
  return runInForeground(context, config, async (loaded, logger): Promise<ForegroundProcess> => {
    const node = await createNode(context.product, loaded, logger);
    const changes = new ChangeLog(() => node.status(), logger);
    const subscription = node.onChange(changes.onChange);
    return {
      role: 'node',
      publicKey: loaded.node?.identity.publicKey ?? null,
      start: (options) => node.start(options),
      stop: async () => {
        subscription[Symbol.dispose]();
        changes[Symbol.dispose]();
        await node.stop();
      },
      reload: (config) => node.reload(config),
      status: () => node.status(),
      methods: {
        explain: (params) => node.explain(peerParam(params)),
        ping: (params, { signal }) => node.ping(peerParam(params), { ...pingParams(params), signal }),
        netcheck: (_params, { signal }) => node.netcheck({ signal }),
      },
      onChange: (listener) => node.onChange(listener),
    };
  });
}
