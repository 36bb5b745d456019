import type { z } from 'zod';
import type { CandidateSource } from '../candidate-source.js';
import type { Egress } from '../egress.js';
import type { PeerDiscovery } from '../peer-discovery.js';
import type { Relay } from '../relay.js';
import type { PluginService } from '../service.js';
import type { Signaling } from '../signaling.js';
import type { Transport } from '../transport.js';
import type { PluginNeeds } from './needs.js';
import type { Schema, SchemaLibrary } from './schema.js';
import type { ServerPart } from './server-part.js';

/**
 * The version of the contracts in this folder. Version 2 added the role `service` with the needs `status`, `peers` and `events`,
 * `CandidateSource.stop`, and `requires` as a function of the options.
 */
export const PLUGIN_API_VERSION = 2;

/** Versions of plugins that load: what a later one added, an earlier plugin does without. Others are refused with a clear error. */
export const PLUGIN_API_VERSIONS = [1, PLUGIN_API_VERSION] as const;

/** What a plugin adds to the node; most add one thing. */
export interface Contribution {
  readonly candidateSource?: CandidateSource;
  readonly egress?: Egress;
  readonly relay?: Relay;
  readonly transport?: Transport;
  readonly signaling?: Signaling;
  readonly peerDiscovery?: PeerDiscovery;
  readonly service?: PluginService;
}

export type Role = keyof Contribution;

/** A role that another plugin must fill; `datagrams`: a transport with sockets of its own, which this plugin shares. */
export type Requirement = 'datagrams' | Role;

/** Written as a method, whose parameters compare loosely: a definition of any options is a `PluginDefinition`. */
interface DecidesFromOptions<Options> {
  requires(options: Options): readonly Requirement[];
}

export interface PluginDefinition<S extends Schema = Schema, N extends keyof PluginNeeds = keyof PluginNeeds> {
  /** The package's name. */
  readonly name: string;
  readonly apiVersion: (typeof PLUGIN_API_VERSIONS)[number];
  /** Schema of the options; left out: the plugin takes none. Unknown keys are refused: use `strictObject`. */
  options?(schema: SchemaLibrary): S;
  /** What `create` is handed. */
  readonly needs: readonly N[];
  /** What `create` returns; checked, and used in errors ("no transport: add ..."). */
  readonly provides: readonly Role[];
  /** Linux capabilities (`CAP_NET_ADMIN`) that it needs while the node runs: as root, the others are given up after start. */
  readonly capabilities?: readonly string[];
  /** What this plugin is of no use without; a function where the options, as the schema gives them, decide. */
  readonly requires?: readonly Requirement[] | DecidesFromOptions<z.output<S>>['requires'];
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
 *   apiVersion: 2,
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
