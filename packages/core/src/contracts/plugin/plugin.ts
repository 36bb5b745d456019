import type { z } from 'zod';
import type { CandidateSource } from '../candidate-source.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Egress } from '../egress.js';
import type { Guard } from '../../base/guard/guard.js';
import type { Identity } from '../../base/identity/identity.js';
import type { Logger } from '../../base/logging/logger.js';
import type { PeerDiscovery } from '../peer-discovery.js';
import type { Relay } from '../relay.js';
import type { Service } from '../service.js';
import type { Signaling } from '../signaling.js';
import type { Transport } from '../transport.js';

/** The version of the contracts in this folder. A plugin of another version is refused with a clear error. */
export const PLUGIN_API_VERSION = 1;

/** The schema library, handed to plugins so that they neither depend on it nor pay for its import. */
export type SchemaLibrary = typeof z;
export type Schema = z.ZodType;

/** What the rc file says of this node. */
export interface NodeSettings {
  /** Name of our own interface. */
  readonly interfaceName: string;
  /** CIDRs of the interface. */
  readonly addresses: readonly string[];
  readonly mtu: number;
}

/** The folder of the rc file, and the secrets in it. */
export interface ConfigFiles {
  /** Absolute path of what the rc file names relative to itself. */
  resolve(path: string): string;
  /**
   * Text of a secret file, trimmed; a warning is logged where others may read it.
   * @throws CodedError CONFIG where it is missing, unreadable, or writable by others.
   */
  readSecret(path: string): Promise<string>;
  /**
   * Text of a file that is no secret, but decides something: who is let in, say.
   * @throws CodedError CONFIG where it is missing, unreadable, or others may change it or what stands in its folder.
   */
  readTrusted(path: string): Promise<string>;
}

/** The name under which the product runs; plugins use it for paths and texts that users see. */
export interface ProductNames {
  /** `wirepath`, or a vendor's own. */
  readonly name: string;
  /** Folder for sockets: `$XDG_RUNTIME_DIR/<name>` or `/run/<name>`. */
  readonly runtimeFolder: string;
}

/** All that a plugin can ask for. It is handed exactly what it names in {@link PluginDefinition.needs}. */
export interface PluginNeeds {
  readonly logger: Logger;
  /** Its timers are guarded: one that throws is counted under the plugin's name. */
  readonly clock: Clock;
  /** For callbacks of your own sockets, streams and child processes. */
  readonly guard: Guard;
  readonly random: RandomSource;
  readonly identity: Identity;
  readonly node: NodeSettings;
  readonly files: ConfigFiles;
  readonly product: ProductNames;
  /** Contributed by another plugin. */
  readonly egress: Egress;
}

/** What a plugin adds to the node; most add one thing. */
export interface Contribution {
  readonly candidateSource?: CandidateSource;
  readonly egress?: Egress;
  readonly relay?: Relay;
  readonly transport?: Transport;
  readonly signaling?: Signaling;
  readonly peerDiscovery?: PeerDiscovery;
}

export type Role = keyof Contribution;

/** What a server part can ask for: a server has no key and no peers. */
export type ServerNeeds = Pick<PluginNeeds, 'logger' | 'clock' | 'guard' | 'random' | 'files' | 'product'>;

export interface RunningServer extends Service {
  /** One line per listener for the log and the terminal, from `start` on: `rendezvous ws://203.0.113.10:7000`. */
  describe(): readonly string[];
  /** Live figures for `status`; no secrets. */
  status?(): Readonly<Record<string, unknown>>;
  /** The rc file was read again: take over what can change without a restart (users, limits). */
  reload?(options: unknown): void;
}

/** Something wrong that only a look at the files shows which options name. */
export interface OptionProblem {
  /** Keys from the section on: `['rendezvous', 'allowFile']`. */
  readonly path: readonly PropertyKey[];
  /** Absolute path, where it stands in another file than the rc file. */
  readonly file?: string;
  /** From 1, in `file`. */
  readonly line?: number;
  /** What would be right, to follow "expected". */
  readonly expected: string;
  /** What stands there; never a secret. */
  readonly found?: string;
  readonly suggestion?: string | undefined;
}

/** What `serve` runs for one or more sections under `server:` in the rc file. */
export interface ServerPart {
  /** Sections that this part takes, such as `['stun', 'turn']`; it is created when any of them is present. */
  readonly sections: readonly string[];
  /** Linux capabilities that it needs after `start`, as {@link PluginDefinition.capabilities}. */
  readonly capabilities?: readonly string[];
  /** Schema of an object with these sections as keys, each optional. */
  options(schema: SchemaLibrary): Schema;
  /** Looks at the files that options name, so that what is wrong in them is told with everything else. */
  check?(options: never, needs: Pick<ServerNeeds, 'files'>): Promise<readonly OptionProblem[]>;
  /** `options` is the schema's output. No I/O here. */
  create(needs: ServerNeeds, options: never): RunningServer;
}

export interface PluginDefinition<S extends Schema = Schema, N extends keyof PluginNeeds = keyof PluginNeeds> {
  /** The package's name. */
  readonly name: string;
  readonly apiVersion: typeof PLUGIN_API_VERSION;
  /** Schema of the options; left out: the plugin takes none. Unknown keys are refused: use `strictObject`. */
  options?(schema: SchemaLibrary): S;
  /** What `create` is handed. */
  readonly needs: readonly N[];
  /** What `create` returns; checked, and used in errors ("no transport: add ..."). */
  readonly provides: readonly Role[];
  /** Linux capabilities (`CAP_NET_ADMIN`) that it needs while the node runs: as root, the others are given up after start. */
  readonly capabilities?: readonly string[];
  /** Roles that another plugin must fill for this one to be of use, with the capability it must have. */
  readonly requires?: readonly ('datagrams' | Role)[];
  /** The one factory. No I/O here: that is what `start`, `gather`, `allocate` are for. May be async to import lazily. */
  create(needs: Pick<PluginNeeds, N>, options: z.output<S>): Contribution | Promise<Contribution>;
  readonly serverParts?: readonly ServerPart[];
}

/**
 * Identity function that infers the types of a plugin's options and needs.
 *
 * ```ts
 * export default definePlugin({
 *   name: 'source-static',
 *   apiVersion: 1,
 *   options: (z) => z.strictObject({ addresses: z.array(z.string()) }),
 *   needs: ['logger'],
 *   provides: ['candidateSource'],
 *   create: ({ logger }, { addresses }) => ({ candidateSource: new StaticSource(addresses, logger) }),
 * });
 * ```
 */
export function definePlugin<S extends Schema, const N extends keyof PluginNeeds>(
  definition: PluginDefinition<S, N>,
): PluginDefinition<S, N> {
  return definition;
}

/** As {@link definePlugin}, for a server part. */
export function defineServerPart<S extends Schema>(part: {
  readonly sections: readonly string[];
  readonly capabilities?: readonly string[];
  options(schema: SchemaLibrary): S;
  check?(options: z.output<S>, needs: Pick<ServerNeeds, 'files'>): Promise<readonly OptionProblem[]>;
  create(needs: ServerNeeds, options: z.output<S>): RunningServer;
}): ServerPart {
  return part;
}
