/** IFNAMSIZ less the terminating zero. */
const MAX_LENGTH = 15;

/**
 * Whether an interface of ours can have this name: wg-quick's rule, so that every WireGuard tool can name it. It becomes the
 * name of a socket file, too, and an argument of programs.
 */
export function isInterfaceName(name: string): boolean {
  return /^[a-zA-Z0-9_=+.-]{1,15}$/.test(name) && name !== '.' && name !== '..';
}

/** For people, after "expected". */
export const INTERFACE_NAME_RULE = 'an interface name: 1 to 15 of a-z, A-Z, 0-9, _, -, =, + and .';

/** Whether an interface of the system's own can have it: what the kernel takes (dev_valid_name), and no `%`, which it expands. */
export function isKernelInterfaceName(name: string): boolean {
  return Buffer.byteLength(name) <= MAX_LENGTH && /^[^\s/:%]+$/u.test(name) && name !== '.' && name !== '..';
}

/** The product's name and a 0, cut to fit. */
export function defaultInterfaceName(product: { readonly name: string }): string {
  return `${product.name.slice(0, MAX_LENGTH - 1)}0`;
}
