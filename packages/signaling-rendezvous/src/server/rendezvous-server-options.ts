import type { AdmissionOptions } from './admission-list.js';

/** The section `server.rendezvous.tls`. */
export interface TlsSection {
  readonly listen: string | readonly string[];
  readonly certFile: string;
  readonly keyFile: string;
}

/** The section `server.rendezvous` of the rc file. */
export interface RendezvousServerOptions extends AdmissionOptions {
  /** `ip:port`, plain WebSocket. */
  readonly listen?: string | readonly string[] | undefined;
  readonly tls?: TlsSection | undefined;
  /** Every URL that clients dial, where that is not plain from the socket or the certificate (NAT, reverse proxy, DNS name). */
  readonly urls?: readonly string[] | undefined;
  /** @default 20000 */
  readonly maxClients?: number | undefined;
}
