import { formatAddress, type ListeningAddress } from '@wirepath/core/plugin';
import type { TransportAddress } from '@wirepath/stun-codec';

/** Of a socket that serves this section. The section is the URL's scheme (RFC 7064, RFC 7065). */
export function listeningAddress(
  section: string,
  local: TransportAddress,
  protocol: 'udp' | 'tcp' | 'tls' = 'udp',
): ListeningAddress {
  const { ip, port } = local;
  const url = `${section}${protocol === 'tls' ? 's' : ''}:${formatAddress(local)}`;
  return protocol === 'udp'
    ? { section, url, protocol, ip, port }
    : { section, url: `${url}?transport=tcp`, protocol: 'tcp', ip, port };
}
