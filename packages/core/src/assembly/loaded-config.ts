import type { Identity, PublicKey } from '../base/identity/identity.js';
import type { NodeSettings, PluginDefinition, Role, ServerPart } from '../contracts/plugin/plugin.js';
import type { LogLevel } from '../base/logging/log-level.js';

/** `host:port` as written: an IP address or a name still to be resolved. */
export interface EndpointSetting {
  readonly host: string;
  readonly port: number;
}

/** A peer of the rc file or its peers file: valid, canonical, its secrets read. */
export interface LoadedPeer {
  readonly name: string;
  readonly publicKey: PublicKey;
  /** 32 bytes. Never logged. */
  readonly presharedKey?: Uint8Array;
  /** CIDRs, canonical. */
  readonly allowedIps: readonly string[];
  /** 0: off. */
  readonly keepaliveSeconds: number;
  /** Makes it a plain WireGuard peer: no signalling, no traversal. */
  readonly endpoint?: EndpointSetting;
}

/** `traversal:` of the rc file. */
export interface TraversalSettings {
  /** False: no traversal and no signalling; every peer is a plain WireGuard one. */
  readonly enabled: boolean;
  /** Budget of the first round of connectivity checks. */
  readonly holePunchTimeoutMs: number;
  /** How often mappings are looked at again. */
  readonly refreshIntervalMs: number;
  /** Candidate pairs tried per peer, counted after pruning. */
  readonly maxCandidatePairs: number;
  /** Spend many sockets and checks on a NAT that maps per destination. */
  readonly hardNat: boolean;
  /** Budget of one attempt to leave the relay. */
  readonly upgradeTimeoutMs: number;
}

/** What the rc file says of the node that `up` runs. */
export interface LoadedNode {
  readonly identity: Identity;
  readonly settings: NodeSettings;
  /** Of `peers` and of `peersFile`. */
  readonly peers: readonly LoadedPeer[];
  /** Where these lists name ourselves; skipped. */
  readonly ownEntries: readonly string[];
  readonly traversal: TraversalSettings;
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

/** Something that works, but that the user should know. */
export interface ConfigWarning {
  readonly file: string;
  readonly keyPath: string;
  readonly message: string;
}

/** An rc file, read and checked in full: every secret file, plugin and server section included. Deeply frozen. */
export interface LoadedConfig {
  /** Absolute path of the rc file. */
  readonly file: string;
  /** Its folder, from which plugins and relative paths are resolved. */
  readonly folder: string;
  /** Undefined in a file that has `server` only. */
  readonly node: LoadedNode | undefined;
  /** Plugins of the node; empty without one. */
  readonly plugins: readonly LoadedPlugin[];
  readonly serverParts: readonly LoadedServerPart[];
  readonly log: { readonly level: LogLevel };
  readonly warnings: readonly ConfigWarning[];
}
