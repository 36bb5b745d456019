import { ConfigProblems } from '../base/errors/config-problems.js';
import { createIdentity } from '../base/identity/create-identity.js';
import type { Product } from './product/product.js';
import { checkRoles } from './plugins/check-roles.js';
import { defaultEntries, loadPlugins, pluginEntries } from './plugins/load-plugins.js';
import { loadServerParts } from './plugins/load-server-parts.js';
import { PluginPhases } from '../base/guard/plugin-phases.js';
import { checkSecretFiles } from '../rc-file/checking/check-secret-files.js';
import { checkServerFiles } from './check-server-files.js';
import { createConfigFiles } from '../rc-file/trust/config-files.js';
import { deepFreeze } from '../rc-file/deep-freeze.js';
import type { RightsChange } from '../base/errors/rights-change.js';
import { trustedOwners } from '../base/rights/file-trust.js';
import { warnUnreachable } from './warn-unreachable.js';
import { findConfig, searchPlaces, systemFolder, type FindConfigOptions } from '../rc-file/reading/find-config.js';
import type { LoadedConfig } from './loaded-config.js';
import { readConfigOffLoop } from '../rc-file/reading/off-loop/read-off-loop.js';
import { configVariable, environmentVariableName } from '../rc-file/overrides/environment-variables.js';
import type { RcFileContent } from '../rc-file/checking/rc-schema.js';
import { foldRights } from '../rc-file/problems/fold-rights.js';
import { inFileOrder } from '../rc-file/problems/in-file-order.js';
import { ProblemList, type ConfigFindings } from '../rc-file/problems/problem-list.js';
import {
  readConfig,
  type EnvironmentVariables,
  type ReadConfig,
  type ReadConfigOptions,
} from '../rc-file/reading/read-config.js';
import { fileSource, valueSource, type ConfigSource } from '../rc-file/reading/config-source.js';

/** An rc file, by its path or searched for; or its content, as a value. */
export type LoadConfigOptions = LoadFileOptions | LoadValueOptions;

export interface LoadFileOptions extends FindConfigOptions, LoadingOptions {
  readonly value?: never;
  /** Environment variables that may override keys. Default: `process.env`. */
  readonly env?: EnvironmentVariables | undefined;
}

export interface LoadValueOptions extends LoadingOptions {
  /** What an rc file would say. Copied. No file is looked for. */
  readonly value: RcFileContent;
  /** How problems and messages name it. @default 'the configuration' */
  readonly name?: string | undefined;
  /**
   * Relative paths and plugins are resolved from here. Default: the working directory, from which no plugin is taken that
   * comes with the product.
   */
  readonly folder?: string | undefined;
  /** Environment variables that may override keys. Default: none, for the program has its say in the value. */
  readonly env?: EnvironmentVariables | undefined;
}

interface LoadingOptions {
  /** Says which plugin is waited for, and ends the wait where its signal aborts. */
  readonly phases?: PluginPhases | undefined;
}

/**
 * Reads and checks the rc file, its secrets, plugins and server sections. A value is checked as the same file would be, but for
 * who may read and write it: what a program hands in is trusted as the program is, the files that it names are not.
 * @throws ConfigProblems with everything that is wrong, at once; CodedError ABORTED where the phases' signal aborts.
 */
export async function loadConfig(product: Product, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  return load(product, options, readConfig);
}

/**
 * As {@link loadConfig}, for a process that has other things to do meanwhile: the file is read and checked in a thread of its
 * own, however many peers it lists.
 */
export async function loadConfigOffLoop(product: Product, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  return load(product, options, readConfigOffLoop);
}

async function load(product: Product, options: LoadConfigOptions, read: typeof readConfig): Promise<LoadedConfig> {
  const { phases = new PluginPhases() } = options;
  const source = await sourceOf(product, options);
  // Who may own the files that a value names is asked of the process, as it is when plugins read them.
  const unnamed = source.given === undefined ? process.env : { SUDO_UID: process.env['SUDO_UID'] };
  const { env = unnamed } = options;
  const isAlone = read === readConfig;
  return complete(product, source, await read(product, source, { env, phases }), { env, phases, isAlone });
}

/** @throws ConfigProblems where there is no file. */
async function sourceOf(product: Product, options: LoadConfigOptions): Promise<ConfigSource> {
  if (handsInValue(options)) return valueSource(options.value, options.name, options.folder);
  const file = await findConfig(product, options);
  if (file === undefined) throw nothingFound(product, options);
  return fileSource(file);
}

/** By the key and not by what it holds: a value that is missing by mistake must not become a search for a file. */
function handsInValue(options: LoadConfigOptions): options is LoadValueOptions {
  return 'value' in options;
}

/** Checks what needs the plugins, too. */
async function complete(
  product: Product,
  source: ConfigSource,
  read: ReadConfig,
  { env, phases, isAlone }: ReadConfigOptions & { readonly isAlone: boolean },
): Promise<LoadedConfig> {
  const { content } = read;
  const { name, folder } = source;
  const told = (findings: ConfigFindings) => findingsToTell(findings, { product, name, locate: isAlone });
  if (content === undefined) throw new ConfigProblems((await told(read)).problems);
  const { node, shape, server } = content;
  const { z } = await import('zod');
  const owners = trustedOwners(env);
  const problems = new ProblemList(name, content.overridden);
  problems.include(read);
  problems.verbose = isVerbose(shape?.log.level ?? env[environmentVariableName(product, 'LOG_LEVEL')]);
  const warned = new Set<string>();
  const onWarning = (message: string, rights: RightsChange) => {
    if (warned.has(rights.path)) return;
    warned.add(rights.path);
    problems.warnings.push({ file: name, keyPath: '', message, rights });
  };
  const files = createConfigFiles({ folder, owners, onWarning });
  const context = { product, z, problems, source, owners, trusted: content.trusted, phases };
  const isDefault = content.plugins === undefined && node !== undefined;
  const entries = isDefault ? defaultEntries(product) : pluginEntries(content.plugins);
  const plugins = await loadPlugins(entries, context);
  const written = Array.isArray(content.plugins) ? content.plugins.length : entries.length;
  if (node !== undefined)
    await checkRoles(plugins, { product, problems, phases, complete: plugins.length === written });
  if (node !== undefined) warnUnreachable(node.peers, plugins, { enabled: shape?.traversal.enabled ?? true, problems });
  const serverParts = isObject(server) ? await loadServerParts(server, plugins, context) : [];
  for (const { name: plugin, options: written, optionsPath } of entries) {
    await checkSecretFiles(written, optionsPath, { files, problems, plugin });
  }
  await checkSecretFiles(server, ['server'], { files, problems });
  await checkServerFiles(serverParts, { files, problems });

  const findings = await told(problems);
  if (findings.problems.length > 0) throw new ConfigProblems(findings.problems);
  if (shape === undefined) throw new ConfigProblems([{ file: name, keyPath: '', expected: 'a valid configuration' }]);
  const { interface: interfaceName, mtu, traversal, log } = shape;
  return deepFreeze<LoadedConfig>({
    source: name,
    file: source.given === undefined ? name : undefined,
    folder,
    node:
      node?.privateKey === undefined
        ? undefined
        : {
            identity: createIdentity(node.privateKey),
            settings: { interfaceName, addresses: node.addresses, mtu },
            peers: node.peers,
            ownEntries: node.ownEntries,
            traversal: {
              enabled: traversal.enabled,
              holePunchTimeoutMs: traversal.holePunchTimeout,
              refreshIntervalMs: traversal.refreshInterval,
              maxCandidatePairs: traversal.maxCandidatePairs,
              hardNat: traversal.hardNat,
              upgradeTimeoutMs: traversal.upgradeTimeout,
            },
            remember: traversal.remember,
          },
    plugins,
    serverParts,
    environment: Object.fromEntries(content.overridden),
    log,
    warnings: findings.warnings,
  });
}

/** Each mistake once, in the order of the files. @param options.locate looking for lines takes a while, for which nothing else is done. */
async function findingsToTell(
  findings: ConfigFindings,
  { product, name, locate }: { readonly product: Product; readonly name: string; readonly locate: boolean },
): Promise<ConfigFindings> {
  const folded = foldRights(findings, name);
  if (folded.problems.length === 0 || !locate) return folded;
  return { ...folded, problems: await inFileOrder(folded.problems, { first: name, productName: product.name }) };
}

function nothingFound(product: Product, options: FindConfigOptions): ConfigProblems {
  const folder = options.cwd ?? process.cwd();
  return new ConfigProblems([
    {
      file: folder,
      keyPath: '',
      expected: `an rc file in this folder: ${searchPlaces(product).slice(1).join(', ')}, or package.json#${product.name}; or one in ${systemFolder(product)}`,
      found: 'none',
      suggestion: `name another with --config FILE, or in ${configVariable(product)}`,
    },
  ]);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Stacks are for whoever asked for details. */
function isVerbose(level: string | undefined): boolean {
  return level === 'debug' || level === 'trace';
}
