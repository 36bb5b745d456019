/**
 * The functions of core that stand on heavy modules (zod, cosmiconfig, tsyringe, pino): each loads them when first called, so
 * that a command which only asks a running node does not pay for them.
 */
import type { LoadConfigOptions } from './assembly/load-config.js';
import type { LoadedConfig } from './assembly/loaded-config.js';
import type { Environment, WiredNode } from './assembly/container/create-container.js';
import type { NamedServer } from './assembly/container/reload-servers.js';
import type { RootLogger } from './base/logging/create-logger.js';
import type { LoggerOptions } from './base/logging/create-logger.js';
import type { Product } from './assembly/product/product.js';

/**
 * Reads and checks the rc file, its secrets, plugins and server sections; or the content of one, handed in as a value.
 * @throws ConfigProblems with everything that is wrong, at once.
 */
export async function loadConfig(product: Product, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  return (await import('./assembly/load-config.js')).loadConfig(product, options);
}

/**
 * As {@link loadConfig}, for a process that has other things to do meanwhile: the file is read and checked in a thread of its
 * own, however many peers it lists.
 * @throws ConfigProblems with everything that is wrong, at once.
 */
export async function loadConfigOffLoop(product: Product, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  return (await import('./assembly/load-config.js')).loadConfigOffLoop(product, options);
}

/** JSON Schema (2020-12) of the product's rc file, with the options of every plugin that comes with it. */
export async function configJsonSchema(product: Product): Promise<Record<string, unknown>> {
  return (await import('./assembly/json-schema.js')).configJsonSchema(product);
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
  return (await import('./assembly/container/create-container.js')).createContainer(product, config, environment);
}

/**
 * Creates the server parts of the rc file. Nothing has been started.
 * @throws CodedError CONFIG when the file has no `server`; PLUGIN_FAILED when a part's `create` throws.
 */
export async function createServer(
  product: Product,
  config: LoadedConfig,
  environment: Environment,
): Promise<NamedServer[]> {
  return (await import('./assembly/container/create-server.js')).createServer(product, config, environment);
}

/** A logger over pino. Secrets in fields are masked by their names. */
export async function createLogger(options: LoggerOptions): Promise<RootLogger> {
  return (await import('./base/logging/create-logger.js')).createLogger(options);
}
