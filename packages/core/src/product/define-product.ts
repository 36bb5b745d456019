import type { Product, ProductDefinition } from './product.js';

/** Fills in the defaults and freezes. @throws CodedError CONFIG, where the definition itself is wrong. */
export function defineProduct(_definition: ProductDefinition): Product {
  throw new Error('signature');
}
