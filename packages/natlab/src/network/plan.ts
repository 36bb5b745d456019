import type { NatKind } from './nat-kind.js';

export interface SiteOptions {
  readonly nat: NatKind;
  /** @default 1 */
  readonly hosts?: number;
}

/** Sites by name: at most six letters or digits, such as `a`. */
export type Sites = Readonly<Record<string, NatKind | SiteOptions>>;

export interface HostPlan {
  /** `a`, `a2`, ... */
  readonly name: string;
  readonly site: string;
  readonly address: string;
  readonly gateway: string;
  readonly prefixLength: number;
  readonly address6: string | undefined;
  readonly gateway6: string | undefined;
}

export interface SitePlan {
  readonly name: string;
  readonly nat: NatKind;
  /** What the internet sees: the router's address, or the first host's. */
  readonly publicAddress: string;
  readonly publicAddress6: string | undefined;
  readonly lan: string | undefined;
  readonly lan6: string | undefined;
  /** Between the home's router and the carrier's; the carrier is the first address. */
  readonly carrier: { readonly inside: string; readonly outside: string } | undefined;
  readonly hosts: readonly HostPlan[];
}

/** Addresses of the servers' namespace, in this order. */
export const SERVER_ADDRESSES = ['203.0.113.10', '203.0.113.11', '203.0.113.12'] as const;
export const SERVER_ADDRESSES6 = ['2001:db8:113::10', '2001:db8:113::11', '2001:db8:113::12'] as const;
/** The internet's own router: where everything goes that is on no site. */
export const INTERNET_GATEWAY = '203.0.113.254';
export const INTERNET_GATEWAY6 = '2001:db8:113::fffe';

const MAX_SITES = 20;
const MAX_HOSTS = 9;
/** Names of other namespaces, and of interfaces beside those that are named after sites. */
const TAKEN = new Set(['inet', 'srv', 'lo', 'br0', 'lan', 'wan']);

/** Every name and address of a lab; nothing is made. @throws RangeError. */
export function planSites(sites: Sites, ipv6: boolean): SitePlan[] {
  const entries = Object.entries(sites);
  if (entries.length > MAX_SITES) throw new RangeError(`a lab has at most ${MAX_SITES} sites`);
  return entries.map(([name, site], index) => {
    if (!/^[a-z][a-z0-9]{0,5}$/.test(name) || TAKEN.has(name)) {
      throw new RangeError(`no site can be called ${JSON.stringify(name)}`);
    }
    return planSite(name, typeof site === 'string' ? { nat: site } : site, index + 1, ipv6);
  });
}

function planSite(name: string, { nat, hosts = 1 }: SiteOptions, number: number, ipv6: boolean): SitePlan {
  if (hosts < 1 || hosts > MAX_HOSTS) throw new RangeError(`a site has 1 to ${MAX_HOSTS} hosts`);
  const isPublic = nat === 'none';
  // Two levels of NAT have no IPv6 here, as carriers that need them often have none.
  const has6 = ipv6 && nat !== 'cgnat';
  const publicPrefix = 20 + 10 * number;
  return {
    name,
    nat,
    publicAddress: `203.0.113.${publicPrefix}`,
    publicAddress6: has6 ? `2001:db8:113::${publicPrefix}` : undefined,
    lan: isPublic ? undefined : `10.${number}.0.1`,
    lan6: isPublic || !has6 ? undefined : `2001:db8:${number}::1`,
    carrier: nat === 'cgnat' ? { inside: `100.64.${number}.1`, outside: `100.64.${number}.2` } : undefined,
    hosts: Array.from({ length: hosts }, (_, index) => ({
      name: index === 0 ? name : `${name}${index + 1}`,
      site: name,
      address: isPublic ? `203.0.113.${publicPrefix + index}` : `10.${number}.0.${2 + index}`,
      gateway: isPublic ? INTERNET_GATEWAY : `10.${number}.0.1`,
      prefixLength: 24,
      address6: has6
        ? isPublic
          ? `2001:db8:113::${publicPrefix + index}`
          : `2001:db8:${number}::${2 + index}`
        : undefined,
      gateway6: has6 ? (isPublic ? INTERNET_GATEWAY6 : `2001:db8:${number}::1`) : undefined,
    })),
  };
}
