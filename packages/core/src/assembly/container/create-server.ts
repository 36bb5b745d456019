import { createConfigFiles } from '../../rc-file/trust/config-files.js';
import { trustedOwners } from '../../base/rights/file-trust.js';
import type { LoadedConfig, LoadedServerPart } from '../loaded-config.js';
import type { ServerNeeds } from '../../contracts/plugin/needs.js';
import type { RunningServer } from '../../contracts/plugin/server-part.js';
import { CodedError } from '../../base/errors/coded-error.js';
import { wrapError } from '../../base/errors/wrap-error.js';
import { EdgeGuard } from '../../base/guard/edge-guard.js';
import { guardedRole, methodFaults } from '../../base/guard/guarded-role.js';
import { SERVER_METHODS } from '../plugins/role-methods.js';
import { guardedClock } from '../../base/guard/guarded-clock.js';
import type { Product } from '../product/product.js';
import { oneLine } from '../../base/guard/refusals.js';
import { runtimeFolder } from '../product/runtime-paths.js';
import { systemClock, systemRandom } from '../../base/time/system-clock.js';
import { SharedTlsListeners } from '../../shell/listening/shared-tls-listeners.js';
import type { Environment } from './create-container.js';
import type { NamedServer } from './reload-servers.js';

/**
 * Creates the server parts of the rc file. Nothing has been started.
 * @throws CodedError CONFIG when the file has no `server`; PLUGIN_FAILED when a part's `create` throws.
 */
export async function createServer(
  product: Product,
  config: LoadedConfig,
  environment: Environment,
): Promise<NamedServer[]> {
  if (config.serverParts.length === 0) {
    throw new CodedError('CONFIG', `${config.source} has nothing under \`server\``, {
      subject: config.source,
      advice: `Add a section under \`server\`, or run it with \`${product.name} up\`.`,
    });
  }
  const { logger, clock = systemClock, random = systemRandom } = environment;
  const { guard = EdgeGuard.create(product.name, { logger, clock }) } = environment;
  const files = createConfigFiles({
    folder: config.folder,
    owners: trustedOwners(),
    onWarning: (message) => logger.warn(message),
  });
  const names = Object.freeze({ name: product.name, runtimeFolder: runtimeFolder(product) });
  const tlsListeners = new SharedTlsListeners({ clock, random, files, guard: guard.for('TLS listener') });
  return config.serverParts.map((loaded) => {
    const partGuard = guard.for(loaded.sections.join('+'));
    return createPart(loaded, {
      logger: logger.child({ component: loaded.sections.join('+') }),
      clock: guardedClock(clock, partGuard),
      guard: partGuard,
      random,
      files,
      product: names,
      tlsListeners,
    });
  });
}

/** One line each, of a plugin that may give anything. */
function problemLines(given: readonly unknown[]): string[] {
  return given.flatMap((line) => (typeof line === 'string' ? [oneLine(line)] : []));
}

function createPart({ plugin, part, sections, options }: LoadedServerPart, needs: ServerNeeds): NamedServer {
  let server: RunningServer;
  try {
    // The schema that made the options is the part's own; `never` in the contract only forbids calling it with a guess.
    server = part.create(needs, options as never);
  } catch (error) {
    throw wrapError(error, { name: plugin, hook: 'create', code: 'PLUGIN_FAILED' });
  }
  const faults = methodFaults(server, SERVER_METHODS);
  if (faults.length > 0) {
    const message = `${plugin}: create returned a server with ${faults.join(', ')}`;
    throw new CodedError('PLUGIN_FAILED', message, {
      plugin,
      advice: 'This is a fault of the plugin; tell its author.',
    });
  }
  server = guardedRole(server, SERVER_METHODS, needs.guard);
  let current = options;
  return {
    plugin,
    sections,
    get options() {
      return current;
    },
    start: (startOptions) => server.start(startOptions),
    stop: () => server.stop(),
    drain: async (drainOptions) => server.drain?.(drainOptions),
    describe: () => server.describe(),
    addresses: () => server.addresses?.() ?? [],
    status: () => server.status?.() ?? {},
    problems: () => problemLines(server.problems?.() ?? []),
    reload: (next) => {
      const untaken = server.reload?.(next);
      current = next;
      return Array.isArray(untaken) ? problemLines(untaken as unknown[]) : [];
    },
  };
}
