import type { LoadedPlugin } from '../loaded-config.js';
import type { Clock } from '../../base/time/clock.js';
import type { Logger } from '../../base/logging/logger.js';
import type { PluginNeeds } from '../../contracts/plugin/needs.js';
import type { Contribution } from '../../contracts/plugin/plugin.js';
import { CodedError } from '../../base/errors/coded-error.js';
import { wrapError } from '../../base/errors/wrap-error.js';
import { SLOW_AFTER_MS, within } from '../../base/time/deadline.js';
import type { PluginPhases } from '../../base/guard/plugin-phases.js';

/** `create` does no I/O but reading a secret and importing itself; one that takes longer hangs. */
export const CREATE_TIMEOUT_MS = 30_000;

/**
 * Calls every plugin's `create`, all at once.
 * @throws CodedError with the plugin's name and its own error as the cause; all of them where several failed.
 */
export async function createPlugins(
  plugins: readonly LoadedPlugin[],
  needsOf: (plugin: LoadedPlugin) => PluginNeeds,
  { clock, logger, phases }: { clock: Clock; logger: Logger; phases: PluginPhases },
): Promise<[LoadedPlugin, Contribution][]> {
  const results = await Promise.allSettled(
    plugins.map(async (plugin): Promise<[LoadedPlugin, Contribution]> => {
      const { name, definition } = plugin;
      try {
        const create = () => phases.track(name, 'create', () => definition.create(needsOf(plugin), plugin.options));
        const contribution = await within(create, {
          clock,
          timeoutMs: CREATE_TIMEOUT_MS,
          what: `${name}: create`,
          onSlow: () =>
            logger.warn(`${name}: create has not returned after ${SLOW_AFTER_MS / 1000} s`, { plugin: name }),
        });
        return [plugin, contribution];
      } catch (error) {
        throw wrapError(error, { name, hook: 'create', code: 'PLUGIN_FAILED' });
      }
    }),
  );
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as CodedError] : []));
  const [first, ...others] = errors;
  if (first !== undefined && others.length === 0) throw first;
  if (first !== undefined) {
    throw new CodedError('PLUGIN_FAILED', errors.map((error) => error.message).join('\n'), {
      cause: new AggregateError(errors),
    });
  }
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
