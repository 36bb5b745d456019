import type { Guard } from './guard.js';

/**
 * How a method of a role is called, and so what becomes of its failure:
 * - `task`: returns a promise; whoever waits for it is told.
 * - `throws`: may throw by its contract; whoever calls it is told.
 * - `call`: returns nothing; a failure is counted, and everything else goes on.
 * - `subscribe`: takes a listener, which is guarded, and returns a Disposable; without one, nothing was subscribed to.
 * - `list`, `record`, `value`: returns data; what is of another shape, or throws, counts as none.
 */
export type MethodKind = 'task' | 'throws' | 'call' | 'subscribe' | 'list' | 'record' | 'value';

export interface RoleMethod {
  readonly kind: MethodKind;
  /** Left out: the plugin may do without. */
  readonly required?: true;
  /** The promise of a `task` is for an object with these methods. */
  readonly gives?: Readonly<Record<string, RoleMethod>>;
}

type Method = (...args: readonly unknown[]) => unknown;
type Methods = Readonly<Record<string, RoleMethod>>;

const NOTHING_SUBSCRIBED: Disposable = { [Symbol.dispose]: () => undefined };

/**
 * A plugin's object as the rest of the node sees it: what it throws, returns instead of what the contract says, or hands to
 * a listener is the plugin's failure and nobody else's. @param properties those that are such objects themselves.
 */
export function guardedRole<T extends object>(
  instance: T,
  methods: Methods,
  guard: Guard,
  properties: Readonly<Record<string, Methods>> = {},
): T {
  const known = new Map<PropertyKey, { readonly of: unknown; readonly guarded: unknown }>();
  const guardedValue = (key: PropertyKey, value: unknown): unknown => {
    const inner = typeof key === 'string' ? properties[key] : undefined;
    if (inner !== undefined && typeof value === 'object' && value !== null) return guardedRole(value, inner, guard);
    if (typeof value !== 'function') return value;
    const method = value.bind(instance) as Method;
    const known = typeof key === 'string' && Object.hasOwn(methods, key) ? methods[key] : undefined;
    return known === undefined ? method : GUARDED[known.kind](String(key), method, guard, known.gives);
  };
  // Not around the instance itself: a proxy must hand out what a frozen object has as it is.
  return new Proxy(Object.create(Object.getPrototypeOf(instance) as object | null) as T, {
    has: (_target, key) => Reflect.has(instance, key),
    get(_target, key) {
      // The instance as receiver: private fields and getters are its own, not the proxy's.
      const value = read(instance, key, guard);
      if (typeof value !== 'function' && typeof value !== 'object') return value;
      const before = known.get(key);
      if (before?.of === value) return before.guarded;
      const guarded = guardedValue(key, value);
      known.set(key, { of: value, guarded });
      return guarded;
    },
  });
}

function read(instance: object, key: PropertyKey, guard: Guard): unknown {
  try {
    return Reflect.get(instance, key, instance) as unknown;
  } catch (error) {
    guard.failed(`reading ${String(key)}`, error);
    return undefined;
  }
}

type GuardMethod = (name: string, method: Method, guard: Guard, gives: Methods | undefined) => Method;

const GUARDED: Readonly<Record<MethodKind, GuardMethod>> = {
  // An async function never throws at once, but not every plugin's is one.
  task:
    (name, method, guard, gives) =>
    async (...args) => {
      const given = await method(...args);
      return gives === undefined ? given : guardedResult(name, given, gives, guard);
    },
  throws: (_name, method) => method,
  call:
    (name, method, guard) =>
    (...args) =>
      void guard.run(name, () => method(...args)),
  subscribe: (name, method, guard) => (listener) =>
    subscription(name, guard, () => method(listenerOf(name, listener, guard))),
  list:
    (name, method, guard) =>
    (...args) => {
      const list = guard.run(name, () => method(...args));
      return Array.isArray(list) ? (list as unknown[]) : (wrong(name, list, guard), []);
    },
  record:
    (name, method, guard) =>
    (...args) => {
      const record = guard.run(name, () => method(...args));
      return typeof record === 'object' && record !== null ? record : (wrong(name, record, guard), {});
    },
  value:
    (name, method, guard) =>
    (...args) =>
      guard.run(name, () => method(...args)),
};

/** @throws TypeError where it is not what the contract says. */
function guardedResult(name: string, given: unknown, methods: Methods, guard: Guard): object {
  const faults = methodFaults(given, methods);
  if (faults.length > 0) throw new TypeError(`${name} returned an object with ${faults.join(', ')}`);
  return guardedRole(given as object, methods, guard);
}

/** What an object lacks of these methods, a phrase each: "no method `onMessage`". */
export function methodFaults(given: unknown, methods: Methods): string[] {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null)
    return [`${given === null ? 'null' : `a ${typeof given}`} where an object should be`];
  const faults: string[] = [];
  for (const [name, { required }] of Object.entries(methods)) {
    let value: unknown;
    try {
      value = (given as Readonly<Record<string, unknown>>)[name];
    } catch {
      // A getter that throws is as good as nothing there.
    }
    if (typeof value === 'function') continue;
    if (value === undefined && required === true) faults.push(`no method \`${name}\``);
    else if (value !== undefined) faults.push(`\`${name}\` that is no method`);
  }
  return faults;
}

/** What a plugin tells us runs in our code: it is the plugin's words that may be wrong, and its code that must go on. */
function listenerOf(name: string, listener: unknown, guard: Guard): Method {
  return (...args) => guard.run(`listener of ${name}`, () => (listener as Method)(...args));
}

function subscription(name: string, guard: Guard, subscribe: () => unknown): Disposable {
  const given = guard.run(name, subscribe) as Partial<Disposable> | undefined;
  const dispose = given?.[Symbol.dispose];
  if (typeof dispose !== 'function') {
    guard.failed(name, new TypeError('it returned no Disposable, so it cannot be unsubscribed from'));
    return NOTHING_SUBSCRIBED;
  }
  return { [Symbol.dispose]: () => void guard.run(`unsubscribing from ${name}`, () => dispose.call(given)) };
}

/** Undefined was counted where it was thrown. */
function wrong(name: string, value: unknown, guard: Guard): void {
  if (value !== undefined)
    guard.failed(name, new TypeError(`it returned ${value === null ? 'null' : `a ${typeof value}`}`));
}
