type Path = readonly PropertyKey[];

/**
 * Every value at or below `root` that is neither object nor list, with its path. Each object is entered once: YAML's
 * anchors can make a value that contains itself, or one that is small to write and endless to walk.
 */
export function* leaves(
  root: unknown,
  path: Path = [],
  seen = new Set<object>(),
): Generator<{ path: Path; value: unknown }> {
  if (typeof root !== 'object' || root === null) {
    yield { path, value: root };
    return;
  }
  if (seen.has(root)) return;
  seen.add(root);
  for (const [key, value] of Object.entries(root)) {
    yield* leaves(value, [...path, Array.isArray(root) ? Number(key) : key], seen);
  }
}
