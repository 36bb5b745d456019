import type { ConfigFiles } from '../../contracts/plugin/needs.js';
import type { SchemaLibrary } from '../../contracts/plugin/schema.js';
import type { PluginPhases } from '../../base/guard/plugin-phases.js';
import { checkNode } from '../checking/check-node.js';
import { createConfigFiles } from '../trust/config-files.js';
import type { ProductFacts } from '../product-facts.js';
import { applyEnvironment } from '../overrides/environment-overrides.js';
import { rightsCure, trustedOwners, type TrustedOwners } from '../../base/rights/file-trust.js';
import type { LoadedPeer } from '../loaded-peer.js';
import { isSecretPath } from '../../base/logging/mask-secrets.js';
import type { PeerList } from '../checking/peer-list.js';
import { ProblemList, type ConfigFindings } from '../problems/problem-list.js';
import { NODE_KEYS, peersSchema, rcSchema, type RcFile } from '../checking/rc-schema.js';
import { readPeersFile } from './read-peers-file.js';
import { readRcFile, type ReadRcFile } from './read-rc-file.js';
import { schemaKeys } from '../checking/schema-keys.js';
import { schemaProblems } from '../checking/schema-problems.js';
import { leaves } from '../problems/walk.js';
import type { ConfigSource } from './config-source.js';

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

export interface ReadConfigOptions {
  readonly env: EnvironmentVariables;
  /** A file that is code may hang as a plugin may. */
  readonly phases: PluginPhases;
}

/**
 * All of an rc file that can be known without its plugins, and every problem of that. Nothing but data: it can be read in
 * one thread and used in another.
 */
export interface ReadConfig extends ConfigFindings {
  /** Undefined where the file could not be read at all; the problems say why. */
  readonly content: ReadContent | undefined;
}

export interface ReadContent {
  /** False when others may change the file: nothing that it names may be executed. */
  readonly trusted: boolean;
  /** Key paths that an environment variable has set, with its name. */
  readonly overridden: ReadonlyMap<string, string>;
  readonly plugins: unknown;
  readonly server: unknown;
  /** What the schema made of these keys; undefined where the file has not its shape. */
  readonly shape: Pick<RcFile, 'interface' | 'mtu' | 'traversal' | 'log'> | undefined;
  readonly node: ReadNode | undefined;
}

/** Of a file that describes a node. */
export interface ReadNode {
  /** 32 bytes; undefined where there is a problem with it. */
  readonly privateKey: Uint8Array | undefined;
  readonly addresses: readonly string[];
  readonly ownEntries: readonly string[];
  readonly peers: readonly LoadedPeer[];
}

/** What a program hands in is its own, as its code is. */
const OURS: Pick<ReadRcFile, 'trusted' | 'readableByOthers'> = { trusted: true, readableByOthers: false };

/** Reads an rc file and its peers file, and checks all that needs no plugin. */
export async function readConfig(
  product: ProductFacts,
  source: ConfigSource,
  { env, phases }: ReadConfigOptions,
): Promise<ReadConfig> {
  const { name, folder, given } = source;
  const owners = trustedOwners(env);
  const reading = new ProblemList(name);
  const read = given === undefined ? await readRcFile(product, owners, reading, phases) : { ...OURS, ...given };
  const unreadable = (list: ProblemList): ReadConfig => ({
    problems: list.problems,
    warnings: list.warnings,
    content: undefined,
  });
  if (read.value === undefined && reading.problems.length > 0) return unreadable(reading);
  const { value: raw, overridden, unknown } = applyEnvironment(product, read.value, env);
  const problems = new ProblemList(name, overridden);
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
      found: Array.isArray(raw) ? 'a list' : raw === null ? 'null' : typeof raw,
    });
    return unreadable(problems);
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

  if (read.readableByOthers) warnOfSecrets(read.value, problems);

  const files = createConfigFiles({
    folder,
    owners,
    onWarning: (message, rights) => problems.warnings.push({ file: name, keyPath: '', message, rights }),
  });
  const server = raw['server'];
  const hasNode = !isObject(server) || NODE_KEYS.some((key) => raw[key] !== undefined);
  const peerLists: PeerList[] = [{ value: raw['peers'], path: ['peers'], problems }];
  if (hasNode) peerLists.push(...(await listOfFile(raw['peersFile'], { z, problems, owners, files })));
  const node = hasNode ? await checkNode(raw, peerLists, { product, problems, files }) : undefined;
  for (const list of peerLists.slice(1)) problems.include(list.problems);
  return {
    problems: problems.problems,
    warnings: problems.warnings,
    content: {
      trusted: read.trusted,
      overridden,
      plugins: raw['plugins'],
      server,
      shape: shape.success ? shapeOf(shape.data) : undefined,
      node: node && {
        privateKey: node.identity?.exportPrivateKey(),
        addresses: node.addresses,
        ownEntries: node.ownEntries,
        peers: node.peers,
      },
    },
  };
}

function shapeOf({ interface: name, mtu, traversal, log }: RcFile): NonNullable<ReadContent['shape']> {
  return { interface: name, mtu, traversal, log };
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
    const { suggestion, rights } = rightsCure({ command: 'chmod go-r', path: problems.file });
    problems.warn(leaf.path, `a secret in a file that others may read; ${suggestion}`, { rights });
    return;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
