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
import { namedPlugins, pluginCalled, pluginSuggestion } from './plugin-variables.js';

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
 * the path, `_` between words), `WIREPATH_PLUGINS__SOURCE_STUN__SERVERS` (options of a plugin of the list). Values are text, or
 * JSON where they parse as such.
 */
export function applyEnvironment(
  product: Pick<ProductFacts, 'environmentPrefix' | 'defaultPlugins'>,
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
    if (suffix.startsWith('PLUGINS__')) {
      const option = pluginOption(variable, prefix, copy, product.defaultPlugins);
      if ('path' in option) {
        setAt(copy, option.path, parseValue(env[variable] ?? ''));
        overridden.set(formatKeyPath(option.path), variable);
      } else unknown.push(option);
      continue;
    }
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

/** Where the option of a plugin stands, with a list of plugins that can take it; or that no such plugin is in the list. */
function pluginOption(
  variable: string,
  prefix: string,
  root: Record<string, unknown>,
  defaultPlugins: readonly unknown[],
): { path: (string | number)[] } | { variable: string; suggestion: string | undefined } {
  const [called = '', ...option] = variable.slice(`${prefix}PLUGINS__`.length).split('__');
  const { plugins: written, server } = root;
  // A file with servers alone has no plugins unless it names some.
  const list: unknown = written ?? (server === undefined ? defaultPlugins : []);
  const plugins = Array.isArray(list) ? namedPlugins(list) : [];
  const plugin = pluginCalled(called, plugins);
  const keys = option.map(camelCase);
  if (plugin === undefined || !Array.isArray(list) || !keys.every((key) => /^([a-z][A-Za-z0-9]*|\d{1,4})$/.test(key)))
    return { variable, suggestion: pluginSuggestion(variable, { prefix, called, plugins }) };
  root['plugins'] = list.map((entry: unknown, index) =>
    index === plugin.index && typeof entry === 'string' ? [entry, {}] : entry,
  );
  return { path: ['plugins', plugin.index, 1, ...keys.map((key) => (/^\d/.test(key) ? Number(key) : key))] };
}

function camelCase(part: string): string {
  return part.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `TRAVERSAL__REFRESH_INTERVAL` as `['traversal', 'refreshInterval']`. */
function keyPathOf(suffix: string): string[] | undefined {
  const path = suffix.split('__').map(camelCase);
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

/** Sets a value in a tree of which nothing is changed but copies; a number is an index where there is a list. */
function setAt(root: Record<string, unknown>, path: readonly (string | number)[], value: unknown): void {
  let level: object = root;
  for (const [depth, part] of path.slice(0, -1).entries()) {
    const next: unknown = (level as Record<PropertyKey, unknown>)[part];
    const copy = Array.isArray(next)
      ? [...(next as unknown[])]
      : isObject(next)
        ? { ...next }
        : typeof path[depth + 1] === 'number'
          ? []
          : {};
    define(level, part, copy);
    level = copy;
  }
  const last = path.at(-1);
  if (last !== undefined) define(level, last, value);
}

/** Defined and not assigned: `__proto__` is a key like any other here. */
function define(object: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
