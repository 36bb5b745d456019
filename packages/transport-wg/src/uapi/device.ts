import type { PublicKey, TransportAddress } from '@wirepath/core/plugin';

/** A peer as `get=1` shows it. */
export interface UapiPeerState {
  readonly publicKey: PublicKey;
  /** 32 bytes; undefined where there is none. */
  readonly presharedKey?: Uint8Array | undefined;
  readonly endpoint?: TransportAddress | undefined;
  /** Since the Unix epoch (boringtun: seconds ago); undefined before the first handshake. */
  readonly lastHandshake?: { readonly seconds: number; readonly nanoseconds: number } | undefined;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** 0: off. */
  readonly keepaliveSeconds: number;
  /** Canonical CIDRs. */
  readonly allowedIps: readonly string[];
}

/** A device as `get=1` shows it. */
export interface UapiDeviceState {
  /** Only boringtun says it, and so is known by it. */
  readonly ownPublicKey?: PublicKey | undefined;
  /** 32 bytes. */
  readonly privateKey?: Uint8Array | undefined;
  /** 0: none. */
  readonly listenPort: number;
  /** 0: none. */
  readonly fwmark: number;
  readonly peers: readonly UapiPeerState[];
}

export interface UapiAllowedIpChange {
  readonly cidr: string;
  /** `allowed_ip=-10.0.0.0/8`, of newer wireguard-tools. */
  readonly remove: boolean;
}

export interface UapiPeerChange {
  readonly publicKey: PublicKey;
  readonly remove: boolean;
  /** Changes the peer only where there is one. */
  readonly updateOnly: boolean;
  /** null takes it away (32 zero bytes on the wire); undefined leaves it. */
  readonly presharedKey?: Uint8Array | null | undefined;
  readonly endpoint?: TransportAddress | undefined;
  /** 0: off. */
  readonly keepaliveSeconds?: number | undefined;
  /** The peer's allowed IPs are emptied before `allowedIps`. */
  readonly replaceAllowedIps: boolean;
  readonly allowedIps: readonly UapiAllowedIpChange[];
}

/** One `set=1` request. Members left out stay as they are. */
export interface UapiChange {
  /** null takes it away (32 zero bytes on the wire). */
  readonly privateKey?: Uint8Array | null | undefined;
  readonly listenPort?: number | undefined;
  /** 0: none. */
  readonly fwmark?: number | undefined;
  /** All peers are removed before `peers`. */
  readonly replacePeers: boolean;
  /** In order; a key may come more than once. */
  readonly peers: readonly UapiPeerChange[];
}

/** What {@link UapiServer} serves. */
export interface UapiDevice {
  describe(): UapiDeviceState;
  /** @throws UapiError for what this device cannot do; nothing has been changed then. */
  apply(change: UapiChange): void;
}

/** An existing WireGuard device, whoever runs it. */
export interface DeviceControl {
  get(options?: { signal?: AbortSignal }): Promise<UapiDeviceState>;
  /** @throws UapiError with the device's own error number. */
  set(change: UapiChange, options?: { signal?: AbortSignal }): Promise<void>;
}
