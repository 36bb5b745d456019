/** IFNAMSIZ less the terminating zero. */
const MAX_LENGTH = 15;

/** What the kernel takes as a name (dev_valid_name), and no `%`, which it would expand. */
export function isInterfaceName(name: string): boolean {
  return Buffer.byteLength(name) <= MAX_LENGTH && /^[^\s/:%]+$/u.test(name) && name !== '.' && name !== '..';
}

/** The product's name and a 0, cut to fit. */
export function defaultInterfaceName(product: { readonly name: string }): string {
  return `${product.name.slice(0, MAX_LENGTH - 1)}0`;
}
