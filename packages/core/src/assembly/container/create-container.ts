import type { DependencyContainer } from 'tsyringe';
import { createConfigFiles } from '../../rc-file/trust/config-files.js';
import type { RightsChange } from '../../base/errors/rights-change.js';
import { trustedOwners } from '../../base/rights/file-trust.js';
import type { LoadedConfig, LoadedPlugin } from '../loaded-config.js';
import { maskSecrets } from '../../base/logging/mask-secrets.js';
import { RcFilePeers } from '../rc-file-peers.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Logger } from '../../base/logging/logger.js';
import type { PluginNeeds } from '../../contracts/plugin/needs.js';
import type { Contribution, Role } from '../../contracts/plugin/plugin.js';
import { CodedError } from '../../base/errors/coded-error.js';
import { EdgeGuard } from '../../base/guard/edge-guard.js';
import { guardedRole } from '../../base/guard/guarded-role.js';
import { Refusals } from '../../base/guard/refusals.js';
import { guardedClock } from '../../base/guard/guarded-clock.js';
import type { Product } from '../product/product.js';
import { runtimeFolder } from '../product/runtime-paths.js';
import { systemClock, systemRandom } from '../../base/time/system-clock.js';
import { DATAGRAMS_METHODS, ROLE_METHODS } from '../plugins/role-methods.js';
import { checkCapabilities, checkContribution } from '../plugins/check-contribution.js';
import { createPlugins } from '../plugins/create-plugins.js';
import { PluginPhases } from '../../base/guard/plugin-phases.js';
import { checkedEgress, checkedSignaling } from './checked-answers.js';
import { NodeOutside } from '../../shell/outside/node-outside.js';
import { NodeView } from './node-view.js';
import { TOKENS, type Contributed, type Token } from './tokens.js';

/** What the embedder supplies; tests hand in a fake clock and a seeded source. */
export interface Environment {
  readonly logger: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: the system's. */
  readonly random?: RandomSource;
  /** Default: one that logs to `logger`. */
  readonly guard?: EdgeGuard;
  /** Told which plugin is being waited for. */
  readonly phases?: PluginPhases;
}

/** One plugin of a node, and what it added. */
export interface WiredPlugin {
  readonly plugin: string;
  readonly contribution: Contribution;
  /** As written, secrets masked. */
  readonly options: unknown;
}

/** A node's parts, created and registered; nothing has been started. */
export interface WiredNode {
  readonly container: DependencyContainer;
  /** @throws CodedError CONFIG when nothing is registered for it. */
  get<T>(token: Token<T>): T;
  /** As `get`, undefined when nothing is registered for it. */
  find<T>(token: Token<T>): T | undefined;
  readonly contributions: readonly WiredPlugin[];
  /** Peers of the rc file; `update` takes those of a file read again. */
  readonly rcFilePeers: RcFilePeers;
  readonly phases: PluginPhases;
  /** What plugins answered that could not be taken. */
  readonly refusals: readonly Refusals[];
  readonly warnings: readonly string[];
}

/**
 * Creates every plugin of the node and wires them in a container of their own. No I/O but what a plugin's `create` reads.
 * @throws CodedError PLUGIN_FAILED when a plugin's `create` throws or hangs; ConfigProblems when one does not give what it
 * promises, or is of no use without another.
 */
export async function createContainer(
  product: Product,
  config: LoadedConfig,
  environment: Environment,
): Promise<WiredNode> {
  const { node } = config;
  if (node === undefined) {
    throw new CodedError('CONFIG', `${config.source} describes a server, not a node`, {
      subject: config.source,
      advice: `Run it with \`${product.name} serve\`, or add privateKeyFile, addresses and peers.`,
    });
  }
  const { createNodeContainer, registerFactory, registerValue } = await import('./node-container.js');
  const container = createNodeContainer();
  const { logger, clock = systemClock, random = systemRandom } = environment;
  const { guard = EdgeGuard.create(product.name, { logger, clock }), phases = new PluginPhases({ clock }) } =
    environment;
  const warnings: string[] = [];
  for (const place of node.ownEntries) logger.debug('our own entry in a list of peers is skipped', { place });
  const ownNetworks = node.settings.addresses;
  const outside = new NodeOutside({ clock, random, logger, guard: guard.for('names'), ownNetworks });
  const rcFilePeers = new RcFilePeers(node.peers, { clock, logger, outside });
  registerValue(container, TOKENS.Logger, logger);
  registerValue(container, TOKENS.Clock, clock);
  registerValue(container, TOKENS.Guard, guard);
  registerValue(container, TOKENS.RandomSource, random);
  registerValue(container, TOKENS.Identity, node.identity);
  registerValue(container, TOKENS.NodeSettings, node.settings);
  registerValue(container, TOKENS.TraversalSettings, node.traversal);
  registerFactory(container, TOKENS.ProductNames, () =>
    Object.freeze({ name: product.name, runtimeFolder: runtimeFolder(product) }),
  );
  registerValue(container, TOKENS.Outside, outside);
  registerValue(container, TOKENS.NodeView, new NodeView());
  registerFactory(container, TOKENS.ConfigFiles, () => configFiles(config, logger, warnings));

  const refusals: Refusals[] = [];
  const refusalsOf = (plugin: string, what: string): Refusals => {
    const cure = `update or remove ${plugin}, or tell its author`;
    const made = new Refusals({ plugin, what, cure, logger, clock });
    refusals.push(made);
    return made;
  };

  // Egress is the one thing that a plugin may need of another, so who provides it is created first.
  const created = new Map<LoadedPlugin, Contribution>();
  const providesEgress = (plugin: LoadedPlugin) => plugin.roles.includes('egress');
  for (const wave of [
    config.plugins.filter(providesEgress),
    config.plugins.filter((plugin) => !providesEgress(plugin)),
  ]) {
    const needsOf = (plugin: LoadedPlugin) => pluginNeeds(plugin, container, logger);
    for (const [plugin, contribution] of await createPlugins(wave, needsOf, { clock, logger, phases })) {
      checkContribution(plugin, contribution, config.source);
      created.set(plugin, guardedContribution(plugin, contribution, guard.for(plugin.name)));
    }
    const [egress] = contributed(created, 'egress');
    if (egress !== undefined && !container.isRegistered(TOKENS.Egress)) {
      const { plugin, instance } = egress;
      const checked = checkedEgress(instance, plugin, clock, refusalsOf(plugin, 'egress'));
      registerValue(container, TOKENS.Egress, { plugin, instance: checked });
    }
  }
  checkCapabilities(created, config.source);

  const [transport] = contributed(created, 'transport');
  if (transport !== undefined) {
    registerValue(container, TOKENS.Transport, transport);
    outside.use(transport.instance);
  }
  registerFactory(container, TOKENS.CandidateSources, () => contributed(created, 'candidateSource'));
  registerFactory(container, TOKENS.Relays, () => contributed(created, 'relay'));
  registerFactory(container, TOKENS.Signalings, () =>
    contributed(created, 'signaling').map(({ plugin, instance }) => ({
      plugin,
      instance: checkedSignaling(instance, refusalsOf(plugin, 'signalling state')),
    })),
  );
  registerFactory(container, TOKENS.Services, () => contributed(created, 'service'));
  registerFactory(container, TOKENS.PeerDiscoveries, () => [
    { plugin: 'rc file', instance: rcFilePeers },
    ...contributed(created, 'peerDiscovery'),
  ]);

  const find = <T>(token: Token<T>): T | undefined =>
    container.isRegistered(token) ? container.resolve<T>(token) : undefined;
  return Object.freeze({
    container,
    find,
    get<T>(token: Token<T>): T {
      const value = find(token);
      if (value === undefined) throw new CodedError('CONFIG', `nothing provides ${token.description ?? 'this'}`);
      return value;
    },
    contributions: [...created].map(([plugin, contribution]) => ({
      plugin: plugin.name,
      contribution,
      options: maskSecrets(plugin.writtenOptions ?? {}),
    })),
    rcFilePeers,
    phases,
    refusals,
    warnings,
  });
}

function configFiles(config: LoadedConfig, logger: Logger, warnings: string[]) {
  // What was told of the file when it was read is not told again by whoever reads the secret.
  const told = config.warnings.map(({ message }) => message).join('\n');
  const warned = new Set<string>();
  const onWarning = (message: string, { path }: RightsChange) => {
    if (warned.has(path) || told.includes(path)) return;
    warned.add(path);
    logger.warn(message);
    warnings.push(message);
  };
  return createConfigFiles({ folder: config.folder, owners: trustedOwners(), onWarning });
}

/** Exactly what the plugin names, and a logger that bears its name. */
function pluginNeeds(plugin: LoadedPlugin, container: DependencyContainer, logger: Logger): PluginNeeds {
  const guard = () => container.resolve<EdgeGuard>(TOKENS.Guard).for(plugin.name);
  const all: { readonly [N in keyof PluginNeeds]: () => PluginNeeds[N] } = {
    logger: () => logger.child({ component: plugin.name }),
    clock: () => guardedClock(container.resolve<Clock>(TOKENS.Clock), guard()),
    guard,
    random: () => container.resolve<RandomSource>(TOKENS.RandomSource),
    identity: () => container.resolve<PluginNeeds['identity']>(TOKENS.Identity),
    node: () => container.resolve<PluginNeeds['node']>(TOKENS.NodeSettings),
    files: () => container.resolve<PluginNeeds['files']>(TOKENS.ConfigFiles),
    product: () => container.resolve<PluginNeeds['product']>(TOKENS.ProductNames),
    outside: () => container.resolve<PluginNeeds['outside']>(TOKENS.Outside),
    status: () => container.resolve<NodeView>(TOKENS.NodeView).status(guard()),
    peers: () => container.resolve<NodeView>(TOKENS.NodeView).peers(),
    events: () => container.resolve<NodeView>(TOKENS.NodeView).events(guard()),
    egress: () => container.resolve<Contributed<PluginNeeds['egress']>>(TOKENS.Egress).instance,
  };
  const needs = Object.fromEntries(plugin.definition.needs.map((need) => [need, all[need]()]));
  // It holds what the definition asks for; the definition's own types say which of these its `create` may use.
  return Object.freeze(needs) as unknown as PluginNeeds;
}

/** What the rest of the node sees of a plugin. */
function guardedContribution(plugin: LoadedPlugin, contribution: Contribution, guard: EdgeGuard): Contribution {
  const guarded = plugin.roles.map((role) => {
    const properties = role === 'transport' ? { datagrams: DATAGRAMS_METHODS } : {};
    return [role, guardedRole(contribution[role] as object, ROLE_METHODS[role], guard, properties)] as const;
  });
  return Object.freeze(Object.fromEntries(guarded));
}

function contributed<R extends Role>(
  created: ReadonlyMap<LoadedPlugin, Contribution>,
  role: R,
): Contributed<NonNullable<Contribution[R]>>[] {
  return [...created].flatMap(([plugin, contribution]) => {
    const instance = contribution[role];
    return instance === undefined ? [] : [{ plugin: plugin.name, instance }];
  });
}
