/**
 * Whether an answer may go to an address that a datagram names as its source, whoever wrote it there: to one host and one
 * port. Not to port 0, nor to unspecified, multicast, broadcast or reserved addresses.
 */
export function isAnswerable(ip: string, port: number): boolean {
  if (port === 0) return false;
  if (ip.includes(':')) return ip !== '::' && !ip.startsWith('ff');
  const first = Number(ip.slice(0, ip.indexOf('.')));
  return first > 0 && first < 224;
}
