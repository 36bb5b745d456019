const LABEL_MAX_BYTES = 63;
const NAME_MAX_BYTES = 253;

/** Whether a name can be asked for in DNS at all: RFC 1035's lengths, no empty label, nothing but printable ASCII. */
export function isDnsName(name: string): boolean {
  if (name.length === 0 || name.length > NAME_MAX_BYTES || !/^[\x21-\x7e]+$/.test(name)) return false;
  return name.split('.').every((label) => label.length > 0 && label.length <= LABEL_MAX_BYTES);
}

/** Names in DNS are the same whatever the case of their letters, and with or without the dot at the end. */
export function sameName(a: string, b: string): boolean {
  return canonicalName(a) === canonicalName(b);
}

export function canonicalName(name: string): string {
  return name.replace(/\.$/, '').toLowerCase();
}
