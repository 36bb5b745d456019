import { CodedError, deniedCapability } from '@wirepath/core/plugin';
import type { NetlinkFailure } from '@wirepath/linux';

/**
 * What the kernel refused while the interface was set up.
 * @param what as ip(8) writes it: `address fd00::1/64 dev wp0`.
 */
export function networkError(what: string, { code, reason }: NetlinkFailure, subject: string): CodedError {
  const message = `${what}: ${reason}`;
  if (code === 'EPERM') {
    const { advice } = deniedCapability('CAP_NET_ADMIN', 'EPERM');
    return new CodedError('PERMISSION_DENIED', `${message}: CAP_NET_ADMIN is missing`, { subject, advice });
  }
  if (code === 'EACCES') {
    // EACCES is what the kernel answers to an IPv6 address or route where IPv6 is switched off: rights do not cure it.
    if (what.includes(':')) return ipv6Off(subject, message);
    const { advice } = deniedCapability('CAP_NET_ADMIN', 'EACCES');
    return new CodedError('PERMISSION_DENIED', message, { subject, advice });
  }
  return new CodedError('NETWORK_CONFIG', message, { subject });
}

/** A node that has no other addresses cannot run. */
export function ipv6Off(subject: string, message: string): CodedError {
  return new CodedError('NETWORK_CONFIG', message, { subject, advice: `Switch it on: ${ipv6Cure(subject)}.` });
}

/** What switches IPv6 on again. */
export function ipv6Cure(interfaceName: string): string {
  return `\`sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.${interfaceName}.disable_ipv6=0\`, or leave IPv6 addresses and ranges out`;
}
