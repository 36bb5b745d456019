import { ipv6FromHex } from './routes.js';

/** What the kernel knows of an IPv6 address and `os.networkInterfaces()` does not tell. */
export interface Inet6Flags {
  readonly interfaceName: string;
  readonly ip: string;
  readonly interfaceIndex: number;
  /** Kernel scope global: neither link, nor site, nor host. Unique local addresses (RFC 4193) are global here. */
  readonly scopeGlobal: boolean;
  /** A privacy address (RFC 8981). */
  readonly temporary: boolean;
  /** No new conversations from it (RFC 4862 5.5.4). */
  readonly deprecated: boolean;
  /** Duplicate address detection has not ended, or has failed: nothing can be bound to it or sent from it. */
  readonly unproven: boolean;
}

// linux/if_addr.h
const IFA_F_TEMPORARY = 0x01;
const IFA_F_OPTIMISTIC = 0x04;
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;

/** Reads `/proc/net/if_inet6`. */
export function parseInet6Flags(text: string): Inet6Flags[] {
  const addresses: Inet6Flags[] = [];
  for (const line of text.split('\n')) {
    const [hex, indexHex, , scopeHex, flagsHex, interfaceName] = line.trim().split(/\s+/);
    if (hex === undefined || !/^[0-9a-f]{32}$/i.test(hex) || interfaceName === undefined) continue;
    const flags = parseInt(flagsHex ?? '', 16);
    if (Number.isNaN(flags)) continue;
    addresses.push({
      interfaceName,
      ip: ipv6FromHex(hex),
      interfaceIndex: parseInt(indexHex ?? '', 16),
      scopeGlobal: parseInt(scopeHex ?? '', 16) === 0,
      temporary: (flags & IFA_F_TEMPORARY) !== 0,
      deprecated: (flags & IFA_F_DEPRECATED) !== 0,
      // Optimistic DAD (RFC 4429): usable though still tentative.
      unproven: (flags & IFA_F_DADFAILED) !== 0 || (flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) === IFA_F_TENTATIVE,
    });
  }
  return addresses;
}
