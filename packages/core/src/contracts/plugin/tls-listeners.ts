import type { TLSSocket } from 'node:tls';

/** Where TLS is listened for, and with what certificate. */
export interface TlsListenOptions {
  readonly ip: string;
  /** 0: any. */
  readonly port: number;
  /** PEM; of a chain its first is ours. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** Who takes connections of a TLS listener that others may share. */
export interface TlsTaker {
  /** Names of its protocol for ALPN (RFC 7301): `http/1.1`, `stun.turn`. */
  readonly protocols: readonly string[];
  /** Whether a client is one of its, by the first byte that it sends: asked where the client names no protocol. */
  recognizes(firstByte: number): boolean;
  /** A connection after its handshake; what was read of it has been put back. */
  take(socket: TLSSocket): void;
}

/** Connections that are no taker's yet. */
export interface TlsFigures {
  /** At present. */
  readonly handshakes: number;
  /** Since the start, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

/** A taker's part of a TLS listener. */
export interface LentTlsListener {
  /** As bound, so never 0. */
  readonly port: number;
  /** Reads a certificate again, or another one, for whoever connects from now on. @throws CodedError CONFIG; it stays as it was then. */
  renew(certificate: Pick<TlsListenOptions, 'certFile' | 'keyFile'>): Promise<void>;
  /** For `status`; told to one taker of each listener. */
  figures(): TlsFigures | undefined;
  /** What is wrong with the certificate, or soon will be, and with connections that come; told to one taker of each listener. */
  problems(): string[];
  /** The listener closes with its last taker. Connections that were taken are the taker's. */
  close(): void;
}

/** Lends TLS listeners to server parts: parts that name the same address share one, and each gets the connections of its protocol. */
export interface TlsListeners {
  /** Rejects with what the system says (EADDRINUSE, ...), or CodedError CONFIG for the files or another certificate at this address. */
  listen(options: TlsListenOptions, taker: TlsTaker): Promise<LentTlsListener>;
}
