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
 * const config = await loadConfig(product, { configPath: '/etc/acme-mesh.yaml' }); // or { value: { privateKey, peers } }
 * const node = await createNode(product, config, { logger: silentLogger() });
 * await node.start({ signal: new AbortController().signal });
 * console.log(node.status().node.candidates);
 * await node.stop();
 * ```
 *
 * @packageDocumentation
 */
export * from './plugin.js';
export { ConfigProblems, type ConfigProblem } from './base/errors/config-problems.js';
export { ERRORS } from './base/errors/table.js';
export { defineProduct } from './assembly/product/define-product.js';
export type { PluginModule, Product, ProductDefinition } from './assembly/product/product.js';
export {
  controlSocketPath,
  prepareRuntimeFolder,
  runtimeFolder,
  stateFolder,
  type RuntimePathOptions,
} from './assembly/product/runtime-paths.js';
export { findConfig, type FindConfigOptions } from './rc-file/reading/find-config.js';
export type { LoadConfigOptions, LoadFileOptions, LoadValueOptions } from './assembly/load-config.js';
export type { RcFileContent } from './rc-file/checking/rc-schema.js';
export { inFileOrder } from './rc-file/problems/in-file-order.js';
export type { ConfigWarning } from './rc-file/problems/problem-list.js';
export type { LoadedConfig, LoadedNode, LoadedPlugin, LoadedServerPart } from './assembly/loaded-config.js';
export type { EndpointSetting, LoadedPeer } from './rc-file/loaded-peer.js';
export type { TraversalSettings } from './shell/traversal-settings.js';
export {
  ENVIRONMENT_VARIABLES,
  environmentVariableName,
  type EnvironmentVariable,
} from './rc-file/overrides/environment-variables.js';
export { RcFilePeers, type RcFilePeersNeeds } from './assembly/rc-file-peers.js';
export {
  PluginPhases,
  type PhaseInProgress,
  type PluginPhase,
  type PluginPhasesOptions,
} from './base/guard/plugin-phases.js';
export { lstatOf } from './base/rights/stat-of.js';
export { pluginInStack, type PluginOrigin } from './assembly/plugins/plugin-in-stack.js';
export { describePlugins, type PluginDescription } from './assembly/plugins/describe-plugins.js';
export { TOKENS, type Contributed, type Token } from './assembly/container/tokens.js';
export type { Environment, WiredNode, WiredPlugin } from './assembly/container/create-container.js';
export { reloadServers, type NamedServer } from './assembly/container/reload-servers.js';
export { Lifecycle, type LifecycleOptions, type NamedService } from './node/lifecycle.js';
export type { LoggerOptions } from './base/logging/create-logger.js';
export { LOG_LEVELS, type LogLevel } from './base/logging/log-level.js';
export { memoryLogger, silentLogger, type LogLine, type MemoryLogger } from './base/logging/memory-logger.js';
export { createIdentity } from './base/identity/create-identity.js';
export { formatKey, generatePrivateKey, parsePrivateKey, parsePublicKey } from './base/identity/keys.js';
export { SystemClock, systemClock, systemRandom, type ClockSources } from './base/time/system-clock.js';
export { BinaryHeap } from './base/time/binary-heap.js';
export { FakeClock } from './base/time/fake-clock.js';
export {
  configJsonSchema,
  createContainer,
  createLogger,
  createServer,
  loadConfig,
  loadConfigOffLoop,
} from './entry-points.js';
export type { RootLogger } from './base/logging/create-logger.js';
export { createNode, type Node, type PingReply } from './node/node.js';
export type {
  Connection,
  ExplainDocument,
  ExplainedPair,
  NetcheckDocument,
  PeerStatus,
  StatusDocument,
} from './node/documents/documents.js';
export { DriverLoop } from './shell/timing/driver-loop.js';
export { LoopWatch } from './shell/transport/loop-watch.js';
export { TransportPort, type CheckCodec, type CheckReading, type SendCheck } from './shell/transport/transport-port.js';
export { Driver, type DriverOptions } from './shell/driver/driver.js';
export type { DriverEffect } from './shell/driver/effects.js';
export type { DriverEvent } from './shell/driver/events.js';
export type { RelayServerOf } from './shell/driver/relays.js';
export { NatTraversal, type NatTraversalNeeds } from './shell/nat-traversal.js';
export type { Pong } from './shell/peer-requests.js';
export { SharedTlsListeners } from './shell/listening/shared-tls-listeners.js';
export { CertificateDates } from './shell/listening/tls-files.js';
export { PathEngine, type PathEngineOptions } from './engine/path-engine.js';
export type { EngineEffect } from './engine/effects.js';
export type { EngineEvent, LocalDescription } from './engine/events.js';
export { enginePathOf, type EnginePath, type LocalBase } from './engine/engine-path.js';
export type { CallMessage, SignalledCandidate } from './engine/messages.js';
export { CONNECTION_TYPES, connectionType, type ConnectionType } from './engine/connection-type.js';
