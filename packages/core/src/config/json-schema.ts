import type { Product } from '../product/product.js';

/** JSON Schema (2020-12) of the product's rc file, with the options of every plugin that comes with it. */
export function configJsonSchema(_product: Product): Promise<Record<string, unknown>> {
  throw new Error('signature');
}
