import type { LoadedConfig } from '../loaded-config.js';
import type { ListeningAddress, RunningServer } from '../../contracts/plugin/server-part.js';
import { wrapError } from '../../base/errors/wrap-error.js';

/** A server part at work, with the plugin it comes from and the sections it runs. */
export interface NamedServer extends RunningServer {
  readonly plugin: string;
  readonly sections: readonly string[];
  /** Empty before `start`, and for a server that has none. */
  addresses(): readonly ListeningAddress[];
  /** Resolves at once where the server has none. */
  drain(options: { readonly withinMs: number }): Promise<void>;
  problems(): readonly string[];
  /** @returns what was not taken. */
  reload(options: unknown): readonly string[];
  /** What it runs on: from `create`, then from the last `reload` that it took. */
  readonly options: unknown;
}

interface Change {
  readonly server: NamedServer;
  readonly before: unknown;
  readonly after: unknown;
}

/**
 * Hands the sections of an rc file that was read again to the servers that run them: all of them, or where one cannot, none.
 * @returns what only a restart can take over, one line each.
 * @throws CodedError PLUGIN_FAILED, with the part; every part has its options of before then.
 */
export function reloadServers(servers: readonly NamedServer[], config: LoadedConfig): string[] {
  const left = new Set(config.serverParts);
  const restart: string[] = [];
  const changes: Change[] = [];
  for (const server of servers) {
    const loaded = [...left].find(
      (part) => part.plugin === server.plugin && part.sections.join() === server.sections.join(),
    );
    if (loaded === undefined) {
      restart.push(`server sections ${server.sections.join(', ')} have changed or gone`);
      continue;
    }
    left.delete(loaded);
    changes.push({ server, before: server.options, after: loaded.options });
  }
  restart.push(...apply(changes));
  for (const part of left) restart.push(`server sections ${part.sections.join(', ')} are new`);
  return restart;
}

/** @returns what of it was not taken. */
function apply(changes: readonly Change[]): string[] {
  const untaken: string[] = [];
  for (const [index, { server, after }] of changes.entries()) {
    try {
      untaken.push(...server.reload(after));
    } catch (error) {
      // The one that failed may have got half way.
      for (const change of changes.slice(0, index + 1).reverse()) putBack(change);
      throw wrapError(error, { name: server.plugin, hook: 'reload', code: 'PLUGIN_FAILED' });
    }
  }
  return untaken;
}

function putBack({ server, before }: Change): void {
  try {
    server.reload(before);
  } catch {
    // It ran on these already, so this is the fault that is being told.
  }
}
