/**
 * What a device tells the outside, synchronously, from inside the call that caused it. `P` is a path: whatever the
 * adapter uses to say where a datagram came from or goes to. A sink may call the device again. Bytes lie in the device's packet
 * memory, at an offset.
 */
export interface DeviceSink<P> {
  /**
   * Sends one datagram on every path in `paths`, which is never empty: the same bytes, so that the receiver keeps one. They
   * stay as they are until the ring of sealed datagrams is full or cleared; the 4 bytes before them are free for a header.
   */
  send(offset: number, sizeBytes: number, paths: readonly P[], peer: DevicePeer<P>): void;
  /** Answers a source that is no peer yet: a cookie reply. */
  reply(offset: number, sizeBytes: number, to: P): void;
  /**
   * An inner IP packet from the peer, its source checked against the allowed IPs. It stays as it is until the ring of opened
   * packets is full or cleared.
   */
  deliver(offset: number, sizeBytes: number, peer: DevicePeer<P>): void;
  /** A session is established: as initiator on the response, as responder on the first data. */
  onHandshake(peer: DevicePeer<P>, info: HandshakeInfo<P>): void;
  /** Every authenticated message, with the path that it came on; replayed ones do not count. */
  onAuthenticated(peer: DevicePeer<P>, from: P, kind: AuthenticatedKind, now: number): void;
  /** Data, not a keepalive, was sent. */
  onSent(peer: DevicePeer<P>, now: number): void;
  /** A packet of the peer was dropped: its inner source address is not among its allowed IPs. @param source 4 or 16 bytes. */
  onSourceNotAllowed?(peer: DevicePeer<P>, source: Uint8Array): void;
  /**
   * A handshake message was dropped that can mean somebody's mistake.
   * @param publicKey of who sends it; only claimed where it is no peer's, and undefined where it is for another key than ours.
   */
  onHandshakeRefused?(why: HandshakeRefusal, publicKey: string | undefined, from: P): void;
  /** A handshake message was not looked at, for more come in than there is time for. */
  onOverload?(): void;
  /** Something wants out, and the peer has no path. Called for each such packet. */
  onPathWanted(peer: DevicePeer<P>, now: number): void;
}

/** `preshared-key`: the response to our initiation cannot be opened, and all else of it is right. */
export type HandshakeRefusal = 'other-key' | 'unknown-peer' | 'stale-timestamp' | 'preshared-key';

export type AuthenticatedKind = 'handshake' | 'data' | 'keepalive';

export interface HandshakeInfo<P> {
  readonly role: 'initiator' | 'responder';
  /** The path of the message that established the session. */
  readonly from: P;
  /** Wall clock, unix ms: the peer's `lastHandshakeUnixMs`. */
  readonly unixMs: number;
  /** Time between our initiation and its response; undefined as responder. */
  readonly rttMs: number | undefined;
  readonly now: number;
}

/**
 * - `none`: no keys; a packet starts a handshake.
 * - `alive`: a session that can be sent on.
 * - `stale`: the session is too old or its counters are used up; a packet starts a handshake.
 */
export type SessionState = 'none' | 'alive' | 'stale';

/** A peer as the outside sees it. */
export interface DevicePeer<P> {
  /** Base64; the peer's name. */
  readonly publicKey: string;
  readonly hasPresharedKey: boolean;
  readonly roaming: boolean;
  readonly persistentKeepaliveSeconds: number;
  readonly allowedIps: readonly string[];
  readonly paths: readonly P[];
  /** When the last session was established, unix ms; undefined before the first. */
  readonly lastHandshakeUnixMs: number | undefined;
  /** Authenticated bytes received, as UDP payload. */
  readonly rxBytes: number;
  /** Bytes sent, as UDP payload; a datagram counts once for each path. */
  readonly txBytes: number;
  readonly counters: Readonly<PeerCounters>;
  /** Whether an initiation of ours awaits its response. */
  readonly handshakePending: boolean;
  sessionState(now: number): SessionState;
}

export interface PeerCounters {
  initiationsSent: number;
  responsesSent: number;
  keepalivesSent: number;
  handshakesCompleted: number;
  /** Packets that waited for a session and were dropped: queue full, or no answer. */
  stagedDropped: number;
}

/** What became of an inner packet. */
export type PacketResult = 'sent' | 'queued' | 'no-route' | 'malformed';
