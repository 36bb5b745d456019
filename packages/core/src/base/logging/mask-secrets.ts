/** Keys whose value is a secret; `publicKey` is not one. */
const SECRET_KEY = /credential|passw(or)?d|secret|token|(?<!public[_-]?)key$/i;
/** Keys of a map from user name to password. */
const SECRET_MAP = /^users$/i;
/** A file that holds a secret is no secret itself. */
const FILE_KEY = /files?$/i;

export const MASK = '***';

/** True when what stands under this key is never shown. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key) && !FILE_KEY.test(key);
}

/** True when a value at this path is never shown: a secret key, or anything below one, on the way to it. */
export function isSecretPath(path: readonly PropertyKey[]): boolean {
  return path.some((part) => typeof part === 'string' && (isSecretKey(part) || SECRET_MAP.test(part)));
}

/** `ws://user:password@host` without what stands before the `@`. */
export function maskUrl(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/g, `//${MASK}@`);
}

/** A copy for display: secrets replaced, binary data shortened, errors flattened, instances named, depth cut. */
export function maskSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return maskUrl(value);
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (depth > 8) return '...';
  if (value instanceof Error) return flattenError(value, depth);
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, depth + 1));
  if (value instanceof Map) return maskSecrets(Object.fromEntries(value as Map<PropertyKey, unknown>), depth);
  if (value instanceof Set) return maskSecrets([...value], depth);
  if (value instanceof URL) return maskUrl(value.href);
  const prototype: unknown = Object.getPrototypeOf(value);
  // A socket or a node would drag in half the process.
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor.name}]`;
  const masked: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    masked[key] =
      isSecretKey(key) && item !== null && item !== undefined
        ? MASK
        : SECRET_MAP.test(key) && typeof item === 'object' && item !== null
          ? Object.fromEntries(Object.keys(item as object).map((user) => [user, MASK]))
          : maskSecrets(item, depth + 1);
  }
  return masked;
}

function flattenError(error: Error, depth: number): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: maskUrl(error.message),
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined ? {} : { cause: maskSecrets(error.cause, depth + 1) }),
  };
}
