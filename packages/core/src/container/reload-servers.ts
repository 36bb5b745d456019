import type { LoadedConfig } from '../config/loaded-config.js';
import type { RunningServer } from '../contracts/plugin.js';

/** A server part at work, with the plugin it comes from and the sections it runs. */
export interface NamedServer extends RunningServer {
  readonly plugin: string;
  readonly sections: readonly string[];
}

/**
 * Hands the sections of an rc file that was read again to the servers that run them.
 * @returns what only a restart can take over, one line each.
 */
export function reloadServers(servers: readonly NamedServer[], config: LoadedConfig): string[] {
  const left = new Set(config.serverParts);
  const restart: string[] = [];
  for (const server of servers) {
    const loaded = [...left].find(
      (part) => part.plugin === server.plugin && part.sections.join() === server.sections.join(),
    );
    if (loaded === undefined) {
      restart.push(`server sections ${server.sections.join(', ')} have changed or gone`);
      continue;
    }
    left.delete(loaded);
    server.reload?.(loaded.options);
  }
  for (const part of left) restart.push(`server sections ${part.sections.join(', ')} are new`);
  return restart;
}
