import type { PublicKey } from '../base/identity/identity.js';

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
