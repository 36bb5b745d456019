import { dirname, resolve } from 'node:path';

/** Where the content of an rc file comes from: the file, or whoever has it already. Data, which another thread can be told. */
export interface ConfigSource {
  /** As problems name it: the absolute path of the file, or what the caller calls the value. */
  readonly name: string;
  /** Absolute. Relative paths and plugins are resolved from here. */
  readonly folder: string;
  /** Whether a plugin of the product goes before one of its name in the folder, for nobody has said whose folder it is. */
  readonly productFirst: boolean;
  /** The content itself, where no file is to be read. */
  readonly given: { readonly value: unknown } | undefined;
}

/** @param file absolute. */
export function fileSource(file: string): ConfigSource {
  return { name: file, folder: dirname(file), productFirst: false, given: undefined };
}

/**
 * A copy of the content, so that nothing of the caller's is frozen or changes what was checked.
 * @param folder default: the working directory.
 */
export function valueSource(value: unknown, name = 'the configuration', folder?: string): ConfigSource {
  const given = { value: copyOf(value) };
  return { name, folder: resolve(folder ?? process.cwd()), productFirst: folder === undefined, given };
}

/** Plain objects and lists all the way down; what a class made, and functions, stay the caller's. */
function copyOf(value: unknown, copies = new Map<object, unknown>()): unknown {
  if (!isPlain(value)) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  const copy: object = Array.isArray(value) ? [] : {};
  copies.set(value, copy);
  for (const [key, item] of Object.entries(value)) {
    // Defined and not assigned: `__proto__` is a key like any other here.
    const property = { value: copyOf(item, copies), enumerable: true, writable: true, configurable: true };
    Object.defineProperty(copy, key, property);
  }
  return copy;
}

/** Whether another thread would get the same: what a class made arrives there as something else. */
export function isPlainData(value: unknown, seen = new Set<object>()): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol';
  if (seen.has(value)) return true;
  seen.add(value);
  return isPlain(value) && Object.values(value).every((item) => isPlainData(item, seen));
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
