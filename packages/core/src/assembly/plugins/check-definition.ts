import { type PluginNeeds } from '../../contracts/plugin/needs.js';
import { PLUGIN_API_VERSIONS, type PluginDefinition, type Role } from '../../contracts/plugin/plugin.js';

/** Every role that a plugin may fill, with the word for it in messages. */
export const ROLES: Readonly<Record<Role, string>> = {
  candidateSource: 'candidate source',
  egress: 'egress resolver',
  relay: 'relay',
  transport: 'transport',
  signaling: 'signalling',
  peerDiscovery: 'peer discovery',
  service: 'service',
};

const NEEDS: Readonly<Record<keyof PluginNeeds, true>> = {
  logger: true,
  clock: true,
  guard: true,
  random: true,
  identity: true,
  node: true,
  files: true,
  product: true,
  outside: true,
  status: true,
  peers: true,
  events: true,
  egress: true,
};

/** What an imported module exports as a plugin: its default export, also where CommonJS wrapped it once more. */
export function exportedPlugin(module: unknown): unknown {
  let value = module;
  for (let depth = 0; depth < 2; depth++) {
    if (typeof value !== 'object' || value === null || !('default' in value)) break;
    value = value.default;
  }
  return value;
}

export interface DefinitionFault {
  readonly expected: string;
  readonly found: string;
  readonly suggestion?: string;
}

/** Checks what a module exports against the plugin contract. */
export function definitionFaults(value: unknown): DefinitionFault[] {
  if (!looksLikePlugin(value)) {
    const found = value === undefined ? 'no default export' : 'something else';
    return [{ expected: 'a plugin as the default export', found, suggestion: 'export default definePlugin({ ... })' }];
  }
  const plugin = value as Readonly<Record<string, unknown>>;
  const faults: DefinitionFault[] = [];
  const fault = (expected: string, found: string) => faults.push({ expected, found });
  if (typeof plugin['name'] !== 'string' || plugin['name'] === '') fault('a plugin with a `name`', 'none');
  if (typeof plugin['create'] !== 'function') fault('a plugin with a `create` function', 'none');
  if (!PLUGIN_API_VERSIONS.some((version) => version === plugin['apiVersion'])) {
    const written = plugin['apiVersion'];
    fault(
      `a plugin of apiVersion ${PLUGIN_API_VERSIONS.join(' or ')}`,
      typeof written === 'number' ? `apiVersion ${written}` : 'none',
    );
  }
  if (plugin['options'] !== undefined && typeof plugin['options'] !== 'function')
    fault('`options` to be a function that returns a schema', `a ${typeof plugin['options']}`);
  listFaults(plugin['needs'], 'needs', Object.keys(NEEDS), fault);
  listFaults(plugin['provides'], 'provides', Object.keys(ROLES), fault);
  if (plugin['requires'] !== undefined && typeof plugin['requires'] !== 'function')
    requiresFaults(plugin['requires'], fault);
  if (!areCapabilities(plugin['capabilities']))
    fault('`capabilities` to be a list of Linux capabilities (`CAP_NET_ADMIN`)', 'something else');
  const parts = plugin['serverParts'];
  if (parts !== undefined && !(Array.isArray(parts) && parts.every(isServerPart))) {
    fault('`serverParts` with `sections`, `options` and `create` each', 'something else');
  }
  return faults;
}

/** One sentence is better than five where a module is no plugin at all. */
function looksLikePlugin(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && ('create' in value || 'apiVersion' in value || 'provides' in value)
  );
}

/** Checks the list of `requires`, or what the function in its place returned. */
export function requiresFaults(value: unknown, fault: (expected: string, found: string) => void): void {
  listFaults(value, 'requires', ['datagrams', ...Object.keys(ROLES)], fault);
}

function listFaults(
  value: unknown,
  key: string,
  known: readonly string[],
  fault: (expected: string, found: string) => void,
): void {
  if (!Array.isArray(value))
    return void fault(`\`${key}\` to be a list`, value === undefined ? 'none' : `a ${typeof value}`);
  const strange = (value as unknown[]).filter((item) => typeof item !== 'string' || !known.includes(item));
  if (strange.length > 0) fault(`\`${key}\` to be among ${known.join(', ')}`, strange.map(String).join(', '));
}

function areCapabilities(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every((name) => /^CAP_[A-Z_]+$/.test(String(name))));
}

function isServerPart(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const part = value as Readonly<Record<string, unknown>>;
  return (
    areCapabilities(part['capabilities']) &&
    Array.isArray(part['sections']) &&
    typeof part['options'] === 'function' &&
    typeof part['create'] === 'function'
  );
}

/** After {@link definitionFaults} found nothing. */
export function asDefinition(value: unknown): PluginDefinition {
  return value as PluginDefinition;
}
