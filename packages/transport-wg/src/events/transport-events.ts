import {
  Listeners,
  type Guard,
  type PublicKey,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';
import { InnerTap } from './inner-tap.js';

/** What a transport tells of its peers, and who listens. */
export class TransportEvents {
  readonly handshake: Listeners<{ publicKey: PublicKey; atUnixMs: number }>;
  readonly authenticated: Listeners<{ publicKey: PublicKey; path: TransportPath }>;
  readonly sent: Listeners<{ publicKey: PublicKey }>;
  readonly pathWanted: Listeners<{ publicKey: PublicKey }>;
  readonly endpointSuggested: Listeners<{ publicKey: PublicKey; endpoint: TransportAddress }>;
  readonly inner: InnerTap;

  constructor(guard: Guard) {
    this.handshake = new Listeners(guard, 'handshake');
    this.authenticated = new Listeners(guard, 'authenticated');
    this.sent = new Listeners(guard, 'sent');
    this.pathWanted = new Listeners(guard, 'path-wanted');
    this.endpointSuggested = new Listeners(guard, 'endpoint-suggested');
    this.inner = new InnerTap(guard);
  }
}
