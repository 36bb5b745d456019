import type { Guard } from '../../base/guard/guard.js';
import type { Identity } from '../../base/identity/identity.js';
import type { Logger } from '../../base/logging/logger.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Egress } from '../egress.js';
import type { LiveStatus, NodeEvents, NodePeers } from './node-view.js';
import type { Outside } from './outside.js';
import type { TlsListeners } from './tls-listeners.js';

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

/** All that a plugin can ask for. It is handed exactly what it names in `needs`. */
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
  /** Names of servers and connections to them, past the tunnel. */
  readonly outside: Outside;
  /** What `status` shows, for whoever shows it elsewhere. */
  readonly status: LiveStatus;
  readonly peers: NodePeers;
  readonly events: NodeEvents;
  /** Contributed by another plugin. */
  readonly egress: Egress;
}

/** What a server part can ask for: a server has no key and no peers. */
export interface ServerNeeds extends Pick<PluginNeeds, 'logger' | 'clock' | 'guard' | 'random' | 'files' | 'product'> {
  /** TLS on addresses that parts may share. */
  readonly tlsListeners: TlsListeners;
}
