// One tarball of the command with all that it needs, native modules for every platform included: what comes out is installed
// anywhere with `npm install --global FILE`, without a registry.
//   npm run pack -- [FOLDER]        where to; default: the working directory
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { step } from './steps.mjs';

const { packageManager } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** @returns the tarball's path. @throws Error with the output of the step that failed. */
export async function pack(folder = process.cwd()) {
  const work = mkdtempSync(join(tmpdir(), 'pack-'));
  const stage = join(work, 'package');
  try {
    // Real folders in node_modules, and no links: that is what npm packs. Nor hard ones, as pnpm makes of files that are alike:
    // npm leaves them out when it unpacks.
    const config = ['--config.node-linker=hoisted', '--config.package-import-method=copy'];
    const deploy = ['--filter', '@wirepath/cli', 'deploy', '--prod', '--legacy', ...config, stage];
    const deployed = await step('Gathering', 'npx', ['--yes', packageManager, ...deploy, '--prefer-offline']);
    if (!deployed.ok) throw new Error('the packages could not be gathered');
    const { name, version } = bundleDependencies(stage);
    const target = resolve(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
    // As `npm pack` makes them, which gives up at so many files.
    const packed = await step('Packing', 'tar', ['-czf', target, '-C', work, 'package']);
    if (!packed.ok) throw new Error('the tarball could not be written');
    return target;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Names everything in its node_modules as bundled: npm then asks no registry for it when it is installed. */
function bundleDependencies(stage) {
  const modules = join(stage, 'node_modules');
  const names = readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((part) => `${name}/${part}`) : [name],
    );
  const file = join(stage, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  const versionOf = (name) => JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version;
  manifest.dependencies = Object.fromEntries(names.map((name) => [name, versionOf(name)]));
  manifest.bundleDependencies = names;
  delete manifest.devDependencies;
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** For a person: the path, and how large it is. */
export async function packAndTell(folder) {
  const file = await pack(folder);
  const megabytes = (statSync(file).size / 1e6).toFixed(1);
  console.log(`${file}  (${megabytes} MB)\nInstall it with: npm install --global ${file}`);
}
