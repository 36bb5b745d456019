import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What every source file imports, types included: paths from the root for files, names as written for packages. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/** Folders of `packages/` that have sources. */
export const PACKAGES = readdirSync(join(ROOT, 'packages')).filter((name) =>
  existsSync(join(ROOT, 'packages', name, 'src')),
);

/** Of all packages. */
export function readImports(): Imports {
  const files = PACKAGES.flatMap((name) => {
    const src = `packages/${name}/src`;
    const names = readdirSync(join(ROOT, src), { recursive: true, encoding: 'utf8' });
    return names.filter((file) => file.endsWith('.ts')).map((file) => `${src}/${file}`);
  });
  return new Map(files.map((file) => [file, importsOf(file, readFileSync(join(ROOT, file), 'utf8'))]));
}

/** Every `import`, `export from` and `import()` of a file, of values and of types. @param file path from the root. */
export function importsOf(file: string, code: string): string[] {
  const { importedFiles } = ts.preProcessFile(code, true, true);
  const specifiers = new Set([...importedFiles.map(({ fileName }) => fileName), ...importTypes(code)]);
  return [...specifiers].map((specifier) => (specifier.startsWith('.') ? resolved(file, specifier) : specifier));
}

/** `import('./x.js').X` where a type stands, which TypeScript's own look ahead passes over. */
function importTypes(code: string): string[] {
  const bare = code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...bare.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)].flatMap(([, specifier]) => specifier ?? []);
}

function resolved(file: string, specifier: string): string {
  return join(file, '..', specifier).replace(/\.js$/, '.ts');
}

/** The same, with files that are not there: for showing that a rule is able to fail. */
export function planted(imports: Imports, files: Readonly<Record<string, string>>): Imports {
  const added = Object.entries(files).map(([file, code]) => [
    file,
    [...(imports.get(file) ?? []), ...importsOf(file, code)],
  ]);
  return new Map([...imports, ...(added as [string, string[]][])]);
}
