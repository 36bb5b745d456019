import type { TransportAddress } from '@wirepath/stun-codec';
import type { Peer } from '../../contracts/peer-discovery.js';

/** A peer as the rc file lists it, its endpoint perhaps a name, or as a discovery tells it. */
interface DescribedPeer extends Omit<Peer, 'endpoint'> {
  readonly endpoint?: TransportAddress | { readonly host: string; readonly port: number };
}

/** Whether two descriptions of a peer say the same. Thousands of them are compared when a file is read again. */
export function samePeer(a: DescribedPeer, b: DescribedPeer): boolean {
  return a.name === b.name && sameConnection(a, b);
}

/** Whether they say the same of all but its name: of what packets to and from it depend on. */
export function sameConnection(a: DescribedPeer, b: DescribedPeer): boolean {
  return (
    a.publicKey === b.publicKey &&
    a.keepaliveSeconds === b.keepaliveSeconds &&
    sameItems(a.allowedIps, b.allowedIps) &&
    sameItems(a.presharedKey ?? [], b.presharedKey ?? []) &&
    sameEndpoint(a, b)
  );
}

export function sameEndpoint({ endpoint: a }: DescribedPeer, { endpoint: b }: DescribedPeer): boolean {
  if (a === undefined || b === undefined) return a === b;
  const host = (endpoint: NonNullable<DescribedPeer['endpoint']>) => ('host' in endpoint ? endpoint.host : endpoint.ip);
  return a.port === b.port && host(a) === host(b);
}

function sameItems(a: ArrayLike<string | number>, b: ArrayLike<string | number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
