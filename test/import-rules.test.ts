import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = readdirSync(join(root, 'packages')).filter((name) => existsSync(join(root, 'packages', name, 'src')));

/** Packages that people extend the product with: they see core through one door. */
const PLUGINS = packages.filter((name) => /^(source|transport|signaling)-/.test(name));

/** What each package may import of the others. */
const ALLOWED: Record<string, readonly string[]> = {
  'stun-codec': [],
  linux: [],
  core: ['stun-codec'],
  'source-host': ['core', 'linux'],
  'source-stun': ['core', 'stun-codec'],
  'source-relay': ['core', 'linux', 'stun-codec'],
  'transport-wg': ['core', 'linux'],
  'signaling-rendezvous': ['core'],
  testkit: ['core', 'stun-codec'],
  cli: ['core', 'linux', 'stun-codec', ...PLUGINS],
  natlab: ['core', 'linux', 'stun-codec', 'cli', 'testkit'],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function sourcesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

const importsOfFile = new Map<string, Import[]>();

function importsOf(file: string): Import[] {
  const known = importsOfFile.get(file);
  if (known !== undefined) return known;
  const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const found: Import[] = [];
  for (const [, kind, type, specifier] of code.matchAll(
    /^\s*(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm,
  )) {
    if (kind !== undefined) found.push({ file, specifier: specifier!, typeOnly: type !== undefined });
  }
  for (const [, specifier] of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ file, specifier: specifier!, typeOnly: true });
  }
  importsOfFile.set(file, found);
  return found;
}

const allImports = (name: string) => sourcesOf(join(root, 'packages', name, 'src')).flatMap(importsOf);

describe('imports between packages', () => {
  it.each(packages)('%s imports only what its place in the house allows', (name) => {
    const strangers = allImports(name)
      .filter(({ specifier }) => specifier.startsWith('@wirepath/'))
      .filter(({ specifier }) => !ALLOWED[name]?.includes(specifier.split('/')[1] ?? ''))
      .map(({ file, specifier }) => `${relative(root, file)} imports ${specifier}`);
    expect(strangers).toEqual([]);
  });

  it.each(PLUGINS)('%s sees core through @wirepath/core/plugin alone', (name) => {
    const doors = allImports(name)
      .map(({ specifier }) => specifier)
      .filter((specifier) => /^@wirepath\/core(\/|$)/.test(specifier));
    expect(new Set(doors)).toEqual(new Set(doors.length > 0 ? ['@wirepath/core/plugin'] : []));
  });

  it('core imports no plugin, and no package reaches into another', () => {
    const inside = packages
      .flatMap(allImports)
      .filter(({ specifier }) => /^@wirepath\/[^/]+\/(?!plugin$|package\.json$)/.test(specifier));
    expect(inside).toEqual([]);
    const leaving = packages.flatMap(allImports).filter(({ file, specifier }) => {
      if (!specifier.startsWith('.')) return false;
      const home = join(root, 'packages', relative(join(root, 'packages'), file).split('/')[0]!, 'src');
      return relative(home, resolve(dirname(file), specifier)).startsWith('..');
    });
    expect(leaving.map(({ file, specifier }) => `${relative(root, file)}: ${specifier}`)).toEqual([]);
  });
});

describe('imports within a package', () => {
  it.each(packages)('%s has no circles', (name) => {
    const files = sourcesOf(join(root, 'packages', name, 'src'));
    const edges = new Map(
      files.map((file) => [
        file,
        importsOf(file)
          .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
          .map(({ specifier }) => resolve(dirname(file), specifier.replace(/\.js$/, '.ts'))),
      ]),
    );
    expect(findCircle(edges)?.map((file) => relative(root, file))).toBeUndefined();
  });
});

/** Depth-first search for a way back. */
function findCircle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const walk = (file: string, trail: string[]): string[] | undefined => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of edges.get(file) ?? []) {
      const circle = walk(next, [...trail, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of edges.keys()) {
    const circle = walk(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

describe('the rules themselves', () => {
  it('see a circle where there is one', () => {
    const edges = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
    ]);
    expect(findCircle(edges)).toEqual(['a', 'b', 'c', 'a']);
  });
  it('read every kind of import', () => {
    expect(allImports('core').length).toBeGreaterThan(100);
    expect(allImports('core').some(({ specifier }) => specifier === '@wirepath/stun-codec')).toBe(true);
  });
});
