// Bundles the built command into packages/cli/dist/bundle: a few chunks instead of several hundred modules, for finding and
// compiling those is most of what a Node program does when it starts. Every `import()` makes a chunk, so that `status` reads
// nothing of what a node needs. CommonJS, which Node loads in about half the time of ES modules.
//   node scripts/bundle-cli.mjs [--readable]        after tsc -b
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { compileBundle } from './compile-bundle.mjs';

const cli = fileURLToPath(new URL('../packages/cli', import.meta.url));
const folder = `${cli}/dist/bundle`;
const building = `${folder}.${process.pid}`;

/** What stays outside, by the packages that require it: native code is found beside its own package's files. */
const OUTSIDE = {
  koffi: ['linux'],
  'node-turn': ['source-relay'],
};

/** `ws` tries these, which nobody installed: asking the file system costs more than they would save. */
const ABSENT = ['bufferutil', 'utf-8-validate'];

const packageOf = (id) => /\/packages\/([\w-]+)\/dist\//.exec(id)?.[1];

/**
 * `createRequire(import.meta.url)` is how our modules load what is CommonJS. What can be bundled is; the rest is resolved
 * from the package that asks for it, since that one depends on it and the command need not.
 */
const requires = {
  name: 'requires',
  transform(code, id) {
    const owner = packageOf(id);
    if (owner === undefined || !code.includes('createRequire(import.meta.url)')) return undefined;
    const replaced = code
      .replaceAll(/createRequire\(import\.meta\.url\)\('([^']+)'\)/g, (_, name) =>
        OUTSIDE[name]?.includes(owner)
          ? `createRequire(createRequire(import.meta.url).resolve('@wirepath/${owner}'))('${name}')`
          : `require('${name}')`,
      )
      .replaceAll('const require = createRequire(import.meta.url);', '');
    return { code: replaced, map: null };
  },
};

/**
 * Of sodium-native only the native code stays outside. It finds that with a resolver of its own, a dozen modules that take
 * five times as long as loading it.
 */
const sodium = {
  name: 'sodium',
  transform(code, id) {
    if (!id.endsWith('/sodium-native/binding.js')) return undefined;
    const replaced = `
      const { createRequire } = require('node:module');
      const outside = createRequire(createRequire(__filename).resolve('@wirepath/transport-wg'));
      const prebuilt = './prebuilds/' + process.platform + '-' + process.arch + '/sodium-native.node';
      module.exports = createRequire(outside.resolve('sodium-native'))(prebuilt);`;
    return { code: replaced, map: null };
  },
};

const absent = {
  name: 'absent',
  resolveId: (id) => (ABSENT.includes(id) ? '\0absent' : undefined),
  load: (id) => (id === '\0absent' ? `throw new Error('not bundled');` : undefined),
};

/** commander would spawn subcommands that are programs of their own; ours are not, and loading this takes 5 ms. */
const unused = {
  name: 'unused',
  transform(code, id) {
    if (!id.includes('/commander/lib/command.js')) return undefined;
    return { code: code.replace("require('node:child_process')", '{}'), map: null };
  },
};

/** zod brings its messages in some fifty languages, half of its size; those of our problems are our own, and English. */
const english = {
  name: 'english',
  transform(code, id) {
    if (!id.endsWith('/zod/v4/locales/index.js')) return undefined;
    const lines = code.split('\n').filter((line) => line.includes("'./en.js'") || line.includes('"./en.js"'));
    return { code: lines.join('\n'), map: null };
  },
};

/**
 * As bin/bundle.js loads them: chunks of ASCII alone, of which V8 keeps a byte for each character and not two, and without
 * `import()`, which compiled code may not use. Rolldown has made `require` of those of its own chunks.
 */
const loadable = {
  name: 'loadable',
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      file.code = file.code
        .replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .replaceAll(/(?<![\w$.])import\(/g, "require('../../bin/bundle.js').importModule(");
    }
  },
};

/** Packages' faces are all called `index`: their chunks get the packages' names. */
function chunkName({ name, facadeModuleId }) {
  const owner = facadeModuleId == null ? undefined : packageOf(facadeModuleId);
  return `${owner !== undefined && facadeModuleId.endsWith('/dist/index.js') ? owner : name}-[hash].cjs`;
}

/** Of ours, for bin/wirepath.js: where one of them was built later, the bundle is stale. */
const packages = new Set();
const sources = {
  name: 'sources',
  moduleParsed({ id }) {
    const name = packageOf(id);
    if (name !== undefined) packages.add(name);
  },
};

const started = Date.now();
try {
  await build({
    configFile: false,
    root: cli,
    logLevel: 'error',
    plugins: [requires, sodium, absent, unused, english, loadable, sources],
    ssr: { noExternal: true, target: 'node' },
    build: {
      ssr: `${cli}/dist/main.js`,
      outDir: building,
      target: 'node20',
      minify: process.argv.includes('--readable') ? false : 'oxc',
      rolldownOptions: {
        // cosmiconfig's loader for `.ts` takes the one that the user has.
        external: ['typescript'],
        output: { format: 'cjs', entryFileNames: 'main.cjs', chunkFileNames: chunkName },
      },
    },
  });
  writeFileSync(`${building}/packages.json`, JSON.stringify([...packages].sort()));
  compileBundle(building);
  rmSync(folder, { recursive: true, force: true });
  renameSync(building, folder);
} finally {
  rmSync(building, { recursive: true, force: true });
}
console.log(`bundled in ${((Date.now() - started) / 1000).toFixed(1)} s`);
