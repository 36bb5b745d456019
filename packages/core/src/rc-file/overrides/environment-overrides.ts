import type { ProductFacts } from '../product-facts.js';
import { didYouMean } from '../problems/did-you-mean.js';
import {
  configVariable,
  ENVIRONMENT_VARIABLES,
  environmentVariableName,
  generalVariables,
  RC_KEYS,
  type KeyTree,
} from './environment-variables.js';
import { formatKeyPath } from '../problems/key-path.js';

export interface EnvironmentOverrides {
  /** A copy of the rc file with what the environment says. */
  readonly value: unknown;
  /** Key paths that were set, with the variable's name. */
  readonly overridden: ReadonlyMap<string, string>;
  /** Variables with our prefix that stand for nothing. */
  readonly unknown: readonly { readonly variable: string; readonly suggestion: string | undefined }[];
}

/**
 * Overrides keys with environment variables: `WIREPATH_MTU`, `WIREPATH_TRAVERSAL__REFRESH_INTERVAL` (`__` between the parts of
 * the path, `_` between words). Values are text, or JSON where they parse as such.
 */
export function applyEnvironment(
  product: Pick<ProductFacts, 'environmentPrefix'>,
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
): EnvironmentOverrides {
  const overridden = new Map<string, string>();
  const unknown: { variable: string; suggestion: string | undefined }[] = [];
  const prefix = `${product.environmentPrefix}_`;
  const isOurs = (name: string) => name.startsWith(prefix) && name !== configVariable(product);
  const names = Object.keys(env).filter((name) => isOurs(name) && env[name] !== undefined);
  if (names.length === 0 || typeof value !== 'object' || value === null || Array.isArray(value))
    return { value, overridden, unknown };
  const copy: Record<string, unknown> = { ...value };
  for (const variable of names.sort()) {
    const suffix = variable.slice(prefix.length);
    const path =
      ENVIRONMENT_VARIABLES.find((known) => known.suffix === suffix)?.keyPath.split('.') ?? keyPathOf(suffix);
    if (path === undefined) {
      const known = ENVIRONMENT_VARIABLES.map((row) => environmentVariableName(product, row.suffix));
      unknown.push({
        variable,
        suggestion: didYouMean(variable, [...known, ...generalVariables(product).map((row) => row.variable)]),
      });
      continue;
    }
    setAt(copy, path, parseValue(env[variable] ?? ''));
    overridden.set(formatKeyPath(path), variable);
    // A key in a file and the same secret inline exclude each other: the environment's word replaces both.
    if (path[0] === 'privateKeyFile' && !names.includes(`${prefix}PRIVATE_KEY`)) delete copy['privateKey'];
    if (path[0] === 'privateKey' && !names.includes(`${prefix}PRIVATE_KEY_FILE`)) delete copy['privateKeyFile'];
  }
  return { value: copy, overridden, unknown };
}

/** `TRAVERSAL__REFRESH_INTERVAL` as `['traversal', 'refreshInterval']`. */
function keyPathOf(suffix: string): string[] | undefined {
  const path = suffix
    .split('__')
    .map((part) => part.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));
  let level: KeyTree | true | null | undefined = RC_KEYS;
  for (const part of path) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(part)) return undefined;
    if (level === true) continue;
    if (typeof level !== 'object' || level === null || !Object.hasOwn(level, part)) return undefined;
    level = level[part];
  }
  return level === null || (level === true && path.length > 1) ? path : undefined;
}

function parseValue(text: string): unknown {
  if (!/^(-?\d+(\.\d+)?|true|false|null|[[{"].*)$/s.test(text.trim())) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // `{` may begin plain text as well.
    return text;
  }
}

function setAt(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let level = root;
  for (const part of path.slice(0, -1)) {
    const next = level[part];
    const object = typeof next === 'object' && next !== null && !Array.isArray(next) ? { ...next } : {};
    Object.defineProperty(level, part, { value: object, enumerable: true, writable: true, configurable: true });
    level = object;
  }
  const last = path.at(-1);
  if (last !== undefined)
    Object.defineProperty(level, last, { value, enumerable: true, writable: true, configurable: true });
}
