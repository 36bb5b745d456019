/**
 * The framework: what a program needs that runs nodes and servers of its own product. Plugins import `./plugin` instead.
 *
 * ```ts
 * import { createNode, defineProduct, loadConfig, silentLogger } from '@wirepath/core';
 *
 * const product = defineProduct({
 *   name: 'acme-mesh',
 *   version: '1.0.0',
 *   plugins: {
 *     '@wirepath/source-host': () => import('@wirepath/source-host'),
 *     '@wirepath/transport-wg': () => import('@wirepath/transport-wg'),
 *   },
 *   defaultPlugins: ['@wirepath/source-host', ['@wirepath/transport-wg', { tun: false }]],
 *   serverPlugins: [],
 * });
 *
 * const config = await loadConfig(product, { configPath: '/etc/acme-mesh.yaml' });
 * const node = await createNode(product, config, { logger: silentLogger() });
 * await node.start({ signal: new AbortController().signal });
 * console.log(node.status().node.candidates);
 * await node.stop();
 * ```
 *
 * @packageDocumentation
 */
export * from './plugin.js';
export { ConfigProblems, type ConfigProblem } from './errors/config-problems.js';
export { ERRORS } from './errors/table.js';
export { defineProduct } from './product/define-product.js';
export type { PluginModule, Product, ProductDefinition } from './product/product.js';
export {
  controlSocketPath,
  prepareRuntimeFolder,
  runtimeFolder,
  type RuntimePathOptions,
} from './product/runtime-paths.js';
export { findConfig, type FindConfigOptions } from './config/find-config.js';
export type { LoadConfigOptions } from './config/load-config.js';
export type {
  ConfigWarning,
  EndpointSetting,
  LoadedConfig,
  LoadedNode,
  LoadedPeer,
  LoadedPlugin,
  LoadedServerPart,
  TraversalSettings,
} from './config/loaded-config.js';
export {
  ENVIRONMENT_VARIABLES,
  environmentVariableName,
  type EnvironmentVariable,
} from './config/environment-variables.js';
export { RcFilePeers, type RcFilePeersNeeds, type ResolveHost } from './config/rc-file-peers.js';
export {
  PluginPhases,
  type PhaseInProgress,
  type PluginPhase,
  type PluginPhasesOptions,
} from './plugins/plugin-phases.js';
export { lstatOf } from './rights/stat-of.js';
export { pluginInStack, type PluginOrigin } from './plugins/plugin-in-stack.js';
export { describePlugins, type PluginDescription } from './plugins/describe-plugins.js';
export { TOKENS, type Contributed, type Token } from './container/tokens.js';
export type { Environment, WiredNode, WiredPlugin } from './container/create-container.js';
export { reloadServers, type NamedServer } from './container/reload-servers.js';
export { Lifecycle, type LifecycleOptions, type NamedService } from './lifecycle/lifecycle.js';
export type { LoggerOptions } from './logging/create-logger.js';
export { LOG_LEVELS, type LogLevel } from './logging/log-level.js';
export { memoryLogger, silentLogger, type LogLine, type MemoryLogger } from './logging/memory-logger.js';
export { createIdentity } from './identity/create-identity.js';
export { formatKey, generatePrivateKey, parsePrivateKey, parsePublicKey } from './identity/keys.js';
export { SystemClock, systemClock, systemRandom, type ClockSources } from './time/system-clock.js';
export { BinaryHeap } from './time/binary-heap.js';
export { FakeClock } from './time/fake-clock.js';
export {
  configJsonSchema,
  createContainer,
  createLogger,
  createServer,
  loadConfig,
  loadConfigOffLoop,
} from './entry-points.js';
export { createNode, type Node, type PingReply } from './node/node.js';
export type {
  Connection,
  ExplainDocument,
  ExplainedPair,
  NetcheckDocument,
  PeerStatus,
  StatusDocument,
} from './node/status.js';
export { DescriptionHistory } from './nat-traversal/description.js';
export { NatTraversal, type NatTraversalNeeds, type Pong } from './nat-traversal/nat-traversal.js';
export { PathEngine, type PathEngineOptions } from './traversal/path-engine.js';
export type { EngineEffect } from './traversal/effects.js';
export type { EngineEvent, EnginePath, LocalBase, LocalDescription } from './traversal/events.js';
export type { CallMessage, SignalledCandidate } from './traversal/messages.js';
export { CONNECTION_TYPES, connectionType, type ConnectionType } from './traversal/connection-type.js';
