import type { RateLimits } from './message.js';
import type { WaitingLimits } from './waiting-senders.js';

/** Everything that bounds what clients can make the server hold or do. */
export interface ServerLimits {
  /** Registered clients. @default 20000 */
  readonly maxClients: number;
  /** Connections that have not registered; one more closes the oldest of them. @default 1024 */
  readonly maxUnproven: number;
  /** Connections of one IPv4 address or IPv6 /64; loopback, where reverse proxies are, is exempt. @default 4096 */
  readonly maxConnectionsPerIp: number;
  /** From the connection to the registration. @default 5000 */
  readonly registrationDeadlineMs: number;
  /** What one client may send; the defaults let a node with 5,000 peers call them all at once. */
  readonly rate: RateLimits;
  /** Frames past the rate that are dropped before the connection is closed. @default 10000 */
  readonly maxExcessFrames: number;
  /** Waiting to be written to one client; past it, frames for that client are dropped. @default 4 MiB */
  readonly maxQueuedBytes: number;
  /** The same over all clients. @default 256 MiB */
  readonly maxQueuedBytesTotal: number;
  /** A client whose queue stays full for so long is disconnected. @default 10000 */
  readonly slowReaderMs: number;
  /** Senders that are told when an absent recipient registers. */
  readonly waiting: WaitingLimits;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  maxClients: 20_000,
  maxUnproven: 1024,
  maxConnectionsPerIp: 4096,
  registrationDeadlineMs: 5000,
  rate: { messagesPerSecond: 500, messageBurst: 6000, bytesPerSecond: 1024 * 1024, byteBurst: 16 * 1024 * 1024 },
  maxExcessFrames: 10_000,
  maxQueuedBytes: 4 * 1024 * 1024,
  maxQueuedBytesTotal: 256 * 1024 * 1024,
  slowReaderMs: 10_000,
  waiting: { ttlMs: 60_000, maxPerSender: 8192, maxTotal: 262_144 },
};
