import type { LoadedPlugin } from '../loaded-config.js';
import type { ProblemList } from '../../rc-file/problems/problem-list.js';
import type { Role } from '../../contracts/plugin/plugin.js';
import type { Product } from '../product/product.js';
import { bundledPlugins } from './bundled-plugins.js';
import { ROLES } from './check-definition.js';
import type { PluginPhases } from '../../base/guard/plugin-phases.js';

/** Roles that only one plugin can fill. */
const SINGLE: readonly Role[] = ['transport', 'egress'];

export interface CheckRolesContext {
  readonly product: Product;
  readonly problems: ProblemList;
  readonly phases?: PluginPhases | undefined;
  /** False where a plugin could not be loaded: it may be the very one that is missing. */
  readonly complete: boolean;
}

/** Checks that the plugins of a node fit together, and says which to add. */
export async function checkRoles(plugins: readonly LoadedPlugin[], context: CheckRolesContext): Promise<void> {
  const { problems, complete } = context;
  for (const role of SINGLE) {
    const [first, ...others] = plugins.filter((plugin) => plugin.roles.includes(role));
    for (const other of others) {
      problems.add(['plugins'], `one ${ROLES[role]}`, {
        plugin: other.name,
        found: `a second one beside ${first?.name ?? ''}`,
        suggestion: 'remove one of the two',
      });
    }
  }
  if (!complete) return;
  if (!plugins.some((plugin) => plugin.roles.includes('transport'))) {
    const suggestion = await whoProvides('transport', context);
    problems.add(['plugins'], 'a transport', { found: 'no plugin that provides one', ...suggestion });
  }
  for (const plugin of plugins) {
    const { requires, definition } = plugin;
    const wanted = new Set<Role>(requires.map((role) => (role === 'datagrams' ? 'transport' : role)));
    if (definition.needs.includes('egress')) wanted.add('egress');
    for (const role of wanted) {
      if (plugins.some((other) => other !== plugin && other.roles.includes(role))) continue;
      // A missing transport has been reported already, once for all.
      if (role === 'transport') continue;
      const suggestion = await whoProvides(role, context);
      problems.add(['plugins'], `a plugin that provides the ${ROLES[role]}`, {
        plugin: plugin.name,
        found: 'none',
        ...suggestion,
      });
    }
  }
}

async function whoProvides(role: Role, { product, phases }: CheckRolesContext): Promise<{ suggestion?: string }> {
  const bundled = await bundledPlugins(product, phases);
  const names = [...bundled].filter(([, definition]) => definition.provides.includes(role)).map(([name]) => name);
  return names.length === 0 ? {} : { suggestion: `add ${names.join(' or ')} to \`plugins\`` };
}
