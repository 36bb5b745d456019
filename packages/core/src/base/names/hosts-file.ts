import { isIP } from 'node:net';

/** Addresses that hosts(5) gives a name or alias, in the order of the file. Long lists are searched, not taken apart. */
export function addressesInHosts(text: string, host: string): readonly string[] {
  const wanted = host.replace(/\.$/, '').toLowerCase();
  const lower = text.toLowerCase();
  const found: string[] = [];
  for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, at + wanted.length)) {
    const start = lower.lastIndexOf('\n', at) + 1;
    const end = lower.indexOf('\n', at);
    const line = lower.slice(start, end === -1 ? undefined : end).replace(/#.*$/, '');
    const [ip = '', ...names] = line.trim().split(/\s+/);
    if (isIP(ip) !== 0 && names.includes(wanted) && !found.includes(ip)) found.push(ip);
  }
  return found;
}
