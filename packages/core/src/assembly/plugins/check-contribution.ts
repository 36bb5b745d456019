import type { LoadedPlugin } from '../loaded-config.js';
import type { Contribution, Role } from '../../contracts/plugin/plugin.js';
import { ConfigProblems } from '../../base/errors/config-problems.js';
import { ROLES } from './check-definition.js';
import { roleFaults } from './role-methods.js';

/** @throws ConfigProblems unless the plugin gave exactly what its `provides` says, each with the methods of its role. */
export function checkContribution(plugin: LoadedPlugin, contribution: unknown, file: string): void {
  const given = (typeof contribution === 'object' && contribution !== null ? contribution : {}) as Contribution;
  const keys = Object.entries(given).flatMap(([key, value]) => (value === undefined || value === null ? [] : [key]));
  const missing = plugin.roles.filter((role) => !keys.includes(role));
  const extra = keys.filter((key) => !plugin.roles.includes(key as Role));
  if (missing.length === 0 && extra.length === 0) return checkMethods(plugin, given, file);
  const describe = (list: readonly string[]) =>
    list.map((key) => (Object.hasOwn(ROLES, key) ? ROLES[key as Role] : key)).join(', ');
  const found = [
    ...(missing.length > 0 ? [`no ${describe(missing)}`] : []),
    ...(extra.length > 0 ? [`${describe(extra)} besides`] : []),
  ].join('; ');
  throw new ConfigProblems([
    {
      file,
      keyPath: plugin.keyPath,
      plugin: plugin.name,
      expected: `\`create\` to return what \`provides\` says: ${describe(plugin.roles) || 'nothing'}`,
      found,
      suggestion: 'this is a fault of the plugin; tell its author',
    },
  ]);
}

function checkMethods(plugin: LoadedPlugin, given: Contribution, file: string): void {
  const problems = plugin.roles.flatMap((role) => {
    const faults = roleFaults(role, given[role]);
    if (faults.length === 0) return [];
    return {
      file,
      keyPath: plugin.keyPath,
      plugin: plugin.name,
      expected: `\`create\` to return a ${ROLES[role]} with all its methods`,
      found: faults.join(', '),
      suggestion: 'this is a fault of the plugin; tell its author',
    };
  });
  if (problems.length > 0) throw new ConfigProblems(problems);
}

/** @throws ConfigProblems when a plugin requires the transport's sockets and the transport owns none. */
export function checkCapabilities(created: ReadonlyMap<LoadedPlugin, Contribution>, file: string): void {
  const transport = [...created.values()].find((contribution) => contribution.transport !== undefined)?.transport;
  if (transport === undefined || transport.capabilities.ownsSocket) return;
  const problems = [...created.keys()]
    .filter((plugin) => plugin.requires.includes('datagrams'))
    .map((plugin) => ({
      file,
      keyPath: plugin.keyPath,
      plugin: plugin.name,
      expected: 'a transport that owns its socket, to share it',
      found: 'a transport whose socket belongs to another program',
      suggestion: 'remove this plugin, or choose another mode of the transport',
    }));
  if (problems.length > 0) throw new ConfigProblems(problems);
}
