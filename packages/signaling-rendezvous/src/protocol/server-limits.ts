import type { Share } from '@wirepath/core/plugin';
import type { RateLimits } from './message.js';
import type { WaitingLimits } from './waiting-senders.js';

/** Everything that bounds what clients can make the server hold or do. */
export interface ServerLimits {
  /** Registered clients; at it, the address block that has the most gives way to those that have less. @default 20000 */
  readonly maxClients: number;
  /** Connections that have not registered; one more closes the oldest of the address block that has the most. @default 1024 */
  readonly maxUnproven: number;
  /** The same for those before that, in the middle of their TLS or HTTP handshake. @default 1024 */
  readonly maxHandshakes: number;
  /** Connections that were told to go, and have a second for it; one more is cut off. @default 256 */
  readonly maxClosing: number;
  /** From the connection to the WebSocket. @default 10000 */
  readonly handshakeDeadlineMs: number;
  /** Connections of one IPv4 address or IPv6 /64. @default 4096 */
  readonly maxConnectionsPerIp: number;
  /** New connections of one IPv4 address or IPv6 /64; sixteen times as many of a /48. */
  readonly connectionRate: Share;
  /** Whether the two limits above hold for loopback too, where reverse proxies bring everybody from. @default false */
  readonly limitsLoopback: boolean;
  /** From the connection to the registration. @default 5000 */
  readonly registrationDeadlineMs: number;
  /** What one client may send; the defaults let a node with 5,000 peers call them all at once. */
  readonly rate: RateLimits;
  /** Frames past the rate that are dropped before the connection is closed. @default 10000 */
  readonly maxExcessFrames: number;
  /** Waiting to be written to one client; past it, frames of whoever has most of them there are dropped. @default 4 MiB */
  readonly maxQueuedBytes: number;
  /** The same over all clients; past it, the client with the largest queue is disconnected. @default 256 MiB */
  readonly maxQueuedBytesTotal: number;
  /** A client whose socket takes next to nothing of what waits for so long is disconnected. @default 10000 */
  readonly slowReaderMs: number;
  /** Senders that are told when an absent recipient registers. */
  readonly waiting: WaitingLimits;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  maxClients: 20_000,
  maxUnproven: 1024,
  maxHandshakes: 1024,
  maxClosing: 256,
  handshakeDeadlineMs: 10_000,
  maxConnectionsPerIp: 4096,
  connectionRate: { perSecond: 100, burst: 4096 },
  limitsLoopback: false,
  registrationDeadlineMs: 5000,
  rate: { messagesPerSecond: 500, messageBurst: 6000, bytesPerSecond: 1024 * 1024, byteBurst: 16 * 1024 * 1024 },
  maxExcessFrames: 10_000,
  maxQueuedBytes: 4 * 1024 * 1024,
  maxQueuedBytesTotal: 256 * 1024 * 1024,
  slowReaderMs: 10_000,
  waiting: { ttlMs: 60_000, maxPerSender: 8192, maxTotal: 262_144 },
};
