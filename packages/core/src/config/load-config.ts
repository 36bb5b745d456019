import { dirname } from 'node:path';
import type { ConfigFiles, SchemaLibrary } from '../contracts/plugin.js';
import { ConfigProblems } from '../errors/config-problems.js';
import type { Product } from '../product/product.js';
import { checkRoles } from '../plugins/check-roles.js';
import { defaultEntries, loadPlugins, pluginEntries } from '../plugins/load-plugins.js';
import { loadServerParts } from '../plugins/load-server-parts.js';
import { PluginPhases } from '../plugins/plugin-phases.js';
import { checkNode } from './check-node.js';
import { checkSecretFiles } from './check-secret-files.js';
import { checkServerFiles } from './check-server-files.js';
import { createConfigFiles } from './config-files.js';
import { deepFreeze } from './deep-freeze.js';
import { applyEnvironment } from './environment-overrides.js';
import { trustedOwners, type TrustedOwners } from './file-trust.js';
import { findConfig, searchPlaces, type FindConfigOptions } from './find-config.js';
import { valueAt } from './key-path.js';
import type { LoadedConfig } from './loaded-config.js';
import { isSecretPath } from './mask-secrets.js';
import { NOT_BUILT_YET } from './not-built-yet.js';
import type { PeerList } from './peer-list.js';
import { ProblemList } from './problem-list.js';
import { NODE_KEYS, peersSchema, rcSchema } from './rc-schema.js';
import { readPeersFile } from './read-peers-file.js';
import { readRcFile } from './read-rc-file.js';
import { schemaKeys } from './schema-keys.js';
import { schemaProblems } from './schema-problems.js';
import { leaves } from './walk.js';

export interface LoadConfigOptions extends FindConfigOptions {
  /** Environment variables that may override keys. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Says which plugin is waited for, and ends the wait where its signal aborts. */
  readonly phases?: PluginPhases | undefined;
}

/**
 * Reads and checks the rc file, its secrets, plugins and server sections.
 * @throws ConfigProblems with everything that is wrong, at once; CodedError ABORTED where the phases' signal aborts.
 */
export async function loadConfig(product: Product, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const { env = process.env, phases = new PluginPhases() } = options;
  const file = await findConfig(product, options);
  if (file === undefined) throw nothingFound(product, options);
  const owners = trustedOwners(env);
  const reading = new ProblemList(file);
  const read = await readRcFile(product, owners, reading, phases);
  if (read.value === undefined) reading.throwIfAny();
  const { value: raw, overridden, unknown } = applyEnvironment(product, read.value, env);
  const problems = new ProblemList(file, overridden);
  problems.problems.push(...reading.problems);
  for (const { variable, suggestion } of unknown) {
    const hint = suggestion === undefined ? '' : `; ${suggestion}`;
    problems.warnings.push({
      file: `environment variable ${variable}`,
      keyPath: '',
      message: `stands for no key${hint}`,
    });
  }
  if (!isObject(raw)) {
    problems.add([], 'an object with the keys of the configuration', {
      found: Array.isArray(raw) ? 'a list' : typeof raw,
    });
    throw new ConfigProblems(problems.problems);
  }

  const { z } = await import('zod');
  const schema = rcSchema(z, product);
  // Without compiling the schema into a function first: it is applied once.
  const shape = schema.safeParse(raw, { jitless: true });
  if (!shape.success) {
    const context = { value: raw, prefix: [], keysAt: schemaKeys(z, schema) };
    for (const { path, expected, ...more } of schemaProblems(shape.error.issues, context))
      problems.add(path, expected, more);
  }
  for (const { path, when, message } of NOT_BUILT_YET) {
    const value = valueAt(raw, path);
    if (value !== undefined && (when === undefined || when(value, raw))) problems.warn(path, message);
  }

  if (read.readableByOthers) warnOfSecrets(read.value, problems);

  const folder = dirname(file);
  const files = createConfigFiles({
    folder,
    owners,
    onWarning: (message) => problems.warnings.push({ file, keyPath: '', message }),
  });
  // Whoever uses these secrets reads them again, and is warned then.
  const quietFiles = createConfigFiles({ folder, owners, onWarning: () => undefined });
  const server = raw['server'];
  const hasNode = !isObject(server) || NODE_KEYS.some((key) => raw[key] !== undefined);
  const peerLists: PeerList[] = [{ value: raw['peers'], path: ['peers'], problems }];
  if (hasNode) peerLists.push(...(await listOfFile(raw['peersFile'], { z, problems, owners, files })));
  const node = hasNode ? await checkNode(raw, peerLists, { product, problems, files }) : undefined;
  for (const list of peerLists.slice(1)) problems.include(list.problems);

  const context = { product, z, problems, owners, trusted: read.trusted, phases };
  const entries = raw['plugins'] === undefined && hasNode ? defaultEntries(product) : pluginEntries(raw['plugins']);
  const plugins = await loadPlugins(entries, context);
  const written = Array.isArray(raw['plugins']) ? raw['plugins'].length : entries.length;
  if (hasNode) await checkRoles(plugins, { product, problems, phases, complete: plugins.length === written });
  const serverParts = isObject(server) ? await loadServerParts(server, plugins, context) : [];
  for (const { name, options: written, optionsPath } of entries) {
    await checkSecretFiles(written, optionsPath, { files: quietFiles, problems, plugin: name });
  }
  await checkSecretFiles(server, ['server'], { files: quietFiles, problems });
  await checkServerFiles(serverParts, { files: quietFiles, problems });

  problems.throwIfAny();
  if (!shape.success) throw new ConfigProblems([{ file, keyPath: '', expected: 'a valid configuration' }]);
  const { interface: interfaceName, mtu, traversal, log } = shape.data;
  return deepFreeze<LoadedConfig>({
    file,
    folder,
    node:
      node?.identity === undefined
        ? undefined
        : {
            identity: node.identity,
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
          },
    plugins,
    serverParts,
    log,
    warnings: problems.warnings,
  });
}

interface PeersFileContext {
  readonly z: SchemaLibrary;
  /** Of the rc file. */
  readonly problems: ProblemList;
  readonly owners: TrustedOwners | undefined;
  readonly files: ConfigFiles;
}

/** The list that `peersFile` names, its shape checked; none where the key is not there. */
async function listOfFile(name: unknown, { z, problems, owners, files }: PeersFileContext): Promise<PeerList[]> {
  if (typeof name !== 'string' || name === '') return [];
  const own = new ProblemList(files.resolve(name));
  const { value, readableByOthers } = await readPeersFile(own, owners, (why) =>
    problems.add(['peersFile'], 'a file with a list of peers that can be read', { found: `${own.file}: ${why}` }),
  );
  const schema = peersSchema(z);
  const shape = schema.safeParse(value, { jitless: true });
  if (!shape.success) {
    const context = { value, prefix: [], keysAt: schemaKeys(z, schema) };
    for (const { path, expected, ...more } of schemaProblems(shape.error.issues, context))
      own.add(path, expected, more);
  }
  if (readableByOthers) warnOfSecrets(value, own);
  return [{ value, path: [], problems: own }];
}

/** One line for the whole file, at the first secret in it. */
function warnOfSecrets(value: unknown, problems: ProblemList): void {
  for (const leaf of leaves(value)) {
    if (typeof leaf.value !== 'string' || !isSecretPath(leaf.path)) continue;
    problems.warn(leaf.path, `a secret in a file that others may read; run: chmod go-r ${problems.file}`);
    return;
  }
}

function nothingFound(product: Product, options: FindConfigOptions): ConfigProblems {
  const folder = options.cwd ?? process.cwd();
  return new ConfigProblems([
    {
      file: folder,
      keyPath: '',
      expected: `an rc file in this folder: ${searchPlaces(product).slice(1).join(', ')}, or package.json#${product.name}`,
      found: 'none',
      suggestion: `name another with: ${product.name} --config FILE`,
    },
  ]);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
