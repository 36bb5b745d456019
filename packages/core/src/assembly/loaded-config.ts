import type { TraversalSettings } from '../shell/traversal-settings.js';
import type { LoadedPeer } from '../rc-file/loaded-peer.js';
import type { ConfigWarning } from '../rc-file/problems/problem-list.js';
import type { Identity } from '../base/identity/identity.js';
import type { NodeSettings } from '../contracts/plugin/needs.js';
import type { PluginDefinition, Requirement, Role } from '../contracts/plugin/plugin.js';
import type { ServerPart } from '../contracts/plugin/server-part.js';
import type { LogLevel } from '../base/logging/log-level.js';

/** What the rc file says of the node that `up` runs. */
export interface LoadedNode {
  readonly identity: Identity;
  readonly settings: NodeSettings;
  /** Of `peers` and of `peersFile`. */
  readonly peers: readonly LoadedPeer[];
  /** Where these lists name ourselves; skipped. */
  readonly ownEntries: readonly string[];
  readonly traversal: TraversalSettings;
  /** Whether it keeps where its peers were; for a node that has an rc file. */
  readonly remember?: boolean;
}

/** A plugin that was found, imported and checked, with its options. */
export interface LoadedPlugin {
  /** As the rc file names it. */
  readonly name: string;
  /** Where the rc file names it: `plugins[1]`, or `plugins` for one of the product's own list. */
  readonly keyPath: string;
  readonly definition: PluginDefinition;
  /** Output of its schema, deeply frozen. */
  readonly options: unknown;
  /** The options as written, for display; secrets included, so mask before showing. */
  readonly writtenOptions: unknown;
  /** The file it was imported from; undefined for a plugin that comes with the product. */
  readonly resolvedFrom: string | undefined;
  readonly version: string | undefined;
  readonly roles: readonly Role[];
  /** With these options. */
  readonly requires: readonly Requirement[];
}

/** A server part with the sections of `server:` that it takes. */
export interface LoadedServerPart {
  readonly plugin: string;
  readonly part: ServerPart;
  /** Those of the part's sections that the rc file has. */
  readonly sections: readonly string[];
  /** Output of the part's schema, deeply frozen. */
  readonly options: unknown;
}

/** An rc file, read and checked in full: every secret file, plugin and server section included. Deeply frozen. */
export interface LoadedConfig {
  /** As messages name it: the absolute path of the rc file, or what its content was called that was handed in. */
  readonly source: string;
  /** Absolute path of the rc file; undefined where its content was handed in. */
  readonly file: string | undefined;
  /** The file's folder, or the one that was given: from here plugins and relative paths are resolved. */
  readonly folder: string;
  /** Undefined in a file that has `server` only. */
  readonly node: LoadedNode | undefined;
  /** Plugins of the node; empty without one. */
  readonly plugins: readonly LoadedPlugin[];
  readonly serverParts: readonly LoadedServerPart[];
  /** Variables of the environment that have set keys, by key path: `plugins[1][1].servers`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly log: { readonly level: LogLevel };
  readonly warnings: readonly ConfigWarning[];
}
