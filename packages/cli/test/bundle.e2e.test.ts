import { readdirSync, readFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { expect, it } from 'vitest';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const bundle = `${packageFolder}/dist/bundle`;

interface BundleLoader {
  bundleIsCurrent(packageFolder: string): boolean;
  compiledFolder(bundle: string): string;
  sourceOf(filename: string): string;
}
const { bundleIsCurrent, compiledFolder, sourceOf } = createRequire(import.meta.url)(
  '../bin/bundle.js',
) as BundleLoader;

const skipped = !bundleIsCurrent(packageFolder)
  ? ' (skipped: the bundle is older than what it is made of: npm run build)'
  : 'enableCompileCache' in module
    ? ' (skipped: this Node keeps compiled code itself)'
    : '';

it.skipIf(skipped !== '')(`V8 takes the compiled code of every chunk${skipped}`, () => {
  const names = readdirSync(bundle).filter((name) => name.endsWith('.cjs'));
  expect(names).toContain('main.cjs');
  for (const name of names) {
    const cachedData = readFileSync(`${compiledFolder(bundle)}/${name}`);
    const script = new Script(sourceOf(`${bundle}/${name}`), { filename: name, cachedData });
    expect([name, script.cachedDataRejected]).toEqual([name, false]);
  }
});
