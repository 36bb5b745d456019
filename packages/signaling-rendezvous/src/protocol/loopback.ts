import { tryTransportAddress } from '@wirepath/core/plugin';

/** @param ip as the system tells it; false for whatever is no address. */
export function isLoopback(ip: string): boolean {
  const address = tryTransportAddress(ip, 0);
  return address?.family === 4 ? address.ip.startsWith('127.') : address?.ip === '::1';
}
