import type { TransportAddress } from '@wirepath/core/plugin';

/** Best first: PCP undoes exactly what it did, and UPnP takes the longest. */
export const PROTOCOLS = ['pcp', 'nat-pmp', 'upnp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = { pcp: 'PCP', 'nat-pmp': 'NAT-PMP', upnp: 'UPnP' };

/** What is to be mapped, and whom to ask. */
export interface Wish {
  /** Our own address on the gateway's link: what the gateway forwards to. */
  readonly clientIp: string;
  /** An IP literal; only it is asked, and only its answers are read. */
  readonly gatewayIp: string;
  /** The UDP port that WireGuard has. */
  readonly internalPort: number;
  /** The external port that would be liked: that of before. */
  readonly suggestedPort: number;
  readonly lifetimeSeconds: number;
  /** PCP's mapping nonce, 12 bytes: whoever knows it may renew and remove the mapping. */
  readonly nonce: Uint8Array;
  /** Of our mapping, for people who look at the gateway's list: the product's name. */
  readonly description: string;
}

/** A service of a UPnP gateway: where it is controlled, and what it is. */
export interface UpnpService {
  readonly controlUrl: string;
  readonly serviceType: string;
}

export interface Mapping {
  readonly protocol: Protocol;
  /** What the gateway says that it forwards. */
  readonly external: TransportAddress;
  /** As granted; Infinity for one without an end. */
  readonly lifetimeMs: number;
  /** Seconds since the gateway lost its mappings, by itself; undefined where the protocol does not tell. */
  readonly epochSeconds?: number;
  readonly service?: UpnpService;
}

export type Outcome =
  | { readonly kind: 'mapped'; readonly mapping: Mapping }
  | { readonly kind: 'unmapped' }
  /** `silent`: nothing came that could be read as an answer. */
  | { readonly kind: 'failed'; readonly protocol: Protocol; readonly reason: string; readonly silent: boolean };

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** `http:`, its host the gateway's address. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type GatewayRequest =
  | { readonly kind: 'datagram'; readonly to: TransportAddress; readonly bytes: Uint8Array }
  | { readonly kind: 'http'; readonly id: number; readonly request: HttpRequest };

/** What the edge brings; of datagrams only those that the gateway's own address sent. */
export type GatewayAnswer =
  | { readonly kind: 'datagram'; readonly from: TransportAddress; readonly bytes: Uint8Array }
  | { readonly kind: 'http'; readonly id: number; readonly status: number; readonly body: string }
  | { readonly kind: 'http-failed'; readonly id: number; readonly reason: string };

/**
 * One wish put to the gateway by one protocol, from the first request to the outcome. Pure: time comes in, requests are
 * taken out. It is bounded in time by itself.
 */
export interface Inquiry {
  readonly protocol: Protocol;
  readonly outcome: Outcome | undefined;
  /** It knows that the gateway speaks the protocol, and waits for {@link commit} before it makes a mapping. */
  readonly isReady: boolean;
  commit(now: number): void;
  /** Infinity: never. */
  nextTimeout(): number;
  handleTimeout(now: number): void;
  /** @returns whether it was for this protocol, good or not. */
  handle(answer: GatewayAnswer, now: number): boolean;
  takeRequests(): GatewayRequest[];
  /** Another protocol was faster: from now on it only undoes what may have been done. */
  abandon(): void;
}

/** An IP address as `TransportAddress`es have it. */
export function isFrom(answer: { readonly from: TransportAddress }, ip: string): boolean {
  return answer.from.ip === ip;
}
