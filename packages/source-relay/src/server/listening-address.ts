import { formatAddress, type ListeningAddress } from '@wirepath/core/plugin';
import type { TransportAddress } from '@wirepath/stun-codec';

/** Of a UDP socket that serves this section. The section is the URL's scheme (RFC 7064, RFC 7065). */
export function listeningAddress(section: string, local: TransportAddress): ListeningAddress {
  const { ip, port } = local;
  return { section, url: `${section}:${formatAddress(local)}`, protocol: 'udp', ip, port };
}
