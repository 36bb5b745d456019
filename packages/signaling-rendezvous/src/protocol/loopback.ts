import { transportAddress } from '@wirepath/core/plugin';

/** What one site can easily have many of counts as one: an IPv4 address, or the /64 of an IPv6 address. */
export function ipGroup(ip: string): string {
  const address = transportAddress(ip, 0);
  if (address.family === 4) return address.ip;
  const [head = '', tail] = address.ip.split('%')[0]?.split('::') ?? [];
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array<string>(zeros).fill('0'), ...back].slice(0, 4).join(':');
}

export function isLoopback(ip: string): boolean {
  const address = transportAddress(ip, 0);
  return address.family === 4 ? address.ip.startsWith('127.') : address.ip === '::1';
}
