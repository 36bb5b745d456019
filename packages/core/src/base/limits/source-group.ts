/**
 * Who is taken for one source of what the network sends. One customer has an IPv4 address or an IPv6 /64; many have a /48,
 * with 65,536 of those, so there is a `site` above them.
 */
export interface SourceGroup {
  /** An IPv4 address or an IPv6 /64; of link-local addresses, which all have one /64, the whole address. */
  readonly key: string;
  /** The /48 (of link-local addresses the link's /64); undefined for IPv4. */
  readonly site: string | undefined;
}

/** @param ip as the system tells a source: an IP address, of IPv6 in the form of RFC 5952, a zone or not. */
export function sourceGroup(ip: string): SourceGroup {
  if (!ip.includes(':')) return { key: ip, site: undefined };
  const zoneAt = ip.indexOf('%');
  const bare = zoneAt === -1 ? ip : ip.slice(0, zoneAt);
  const dottedAt = bare.lastIndexOf(':') + 1;
  // IPv4-mapped, as a socket for both families tells them.
  if (bare.startsWith('::ffff:') && bare.includes('.', dottedAt)) return { key: bare.slice(dottedAt), site: undefined };
  if (/^fe[89ab]/i.test(bare)) return { key: bare, site: 'fe80::/64' };
  const groups = ipv6Groups(bare);
  const [a = '0', b = '0', c = '0', d = '0'] = groups;
  return { key: `${a}:${b}:${c}:${d}::/64`, site: `${a}:${b}:${c}::/48` };
}

/** All eight, where `::` stands for some of them. */
export function ipv6Groups(ip: string): string[] {
  const [head = '', tail] = ip.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before;
  const after = tail === '' ? [] : tail.split(':');
  // A dotted quad at the end is two.
  const left = 8 - before.length - after.length - (tail.includes('.') ? 1 : 0);
  return [...before, ...Array<string>(Math.max(0, left)).fill('0'), ...after];
}
