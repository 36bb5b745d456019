import { randomInt } from 'node:crypto';

const ALL = 'natlab-';
const ID_LENGTH = 5;
const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Short, as it is a part of interface names, which have 15 characters. */
export function newLabId(): string {
  return Array.from({ length: ID_LENGTH }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join('');
}

export function isLabId(text: string): boolean {
  return /^[a-z0-9]{1,5}$/.test(text);
}

/** What the names of a lab's namespaces begin with. */
export function labPrefix(id: string): string {
  return `${ALL}${id}-`;
}

/** @returns the ids of the labs that these namespaces belong to. */
export function labIdsOf(namespaces: Iterable<string>): Set<string> {
  const ids = new Set<string>();
  for (const name of namespaces) {
    const id = /^natlab-([a-z0-9]+)-/.exec(name)?.[1];
    if (id !== undefined) ids.add(id);
  }
  return ids;
}

/** WireGuard's socket folder is shared by all namespaces, so a device's name must be unique on the machine. */
export function interfaceName(id: string, host: string): string {
  return `wp${id}-${host}`;
}

export function uapiSocketPrefix(id: string): string {
  return `/var/run/wireguard/wp${id}-`;
}

/** What `ip netns exec` lays over files of /etc for all that runs in the namespace. */
export function namesFolder(namespace: string): string {
  return `/etc/netns/${namespace}`;
}
