/* global require, module */
'use strict';
const { existsSync, readFileSync, statSync } = require('node:fs');
const nodeModule = require('node:module');
const { Script } = require('node:vm');

/**
 * The bundle starts in a third of the time of the modules that it is made of, and does the same. In a workspace it may be
 * missing, or older than what tsc has built since.
 */
function bundleIsCurrent(packageFolder) {
  const bundle = `${packageFolder}/dist/bundle`;
  const made = statSync(`${bundle}/main.cjs`, { throwIfNoEntry: false });
  if (made === undefined) return false;
  // Sources are not published: this is what an installed package comes to.
  if (!existsSync(`${packageFolder}/src`)) return true;
  const packages = JSON.parse(readFileSync(`${bundle}/packages.json`, 'utf8'));
  return packages.every((name) => {
    const built = statSync(`${packageFolder}/../${name}/dist/.tsbuildinfo`, { throwIfNoEntry: false });
    return built !== undefined && built.mtimeMs <= made.mtimeMs;
  });
}

/** V8 takes compiled code from its own version, and refuses any other: then it compiles as it always does. */
const compiledFolder = (bundle) => `${bundle}/compiled/${process.version}-${process.arch}`;

/** What Node makes of a CommonJS module too. The bundle is ASCII. */
const sourceOf = (filename) =>
  `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'latin1')}\n})`;

/**
 * Loads the bundle: with the compiled code that the build has left for this Node, which halves the time to start; else as
 * Node loads any module. From Node 22.1 on, Node keeps compiled code itself, beside the bundle where it may write there.
 */
function loadBundle(bundle) {
  const compiled = compiledFolder(bundle);
  if (!existsSync(compiled)) {
    nodeModule.enableCompileCache?.(`${bundle}/compiled`);
    return require(`${bundle}/main.cjs`);
  }
  return loadChunks(bundle, (name) => {
    const filename = `${bundle}/${name}`;
    return new Script(sourceOf(filename), { filename, cachedData: readFileSync(`${compiled}/${name}`) });
  });
}

/** @param scriptOf what a chunk is, by its name: asked once. */
function loadChunks(bundle, scriptOf) {
  const requireOther = nodeModule.createRequire(`${bundle}/main.cjs`);
  const chunks = new Map();
  const load = (name) => {
    const known = chunks.get(name);
    if (known !== undefined) return known.exports;
    const chunk = { exports: {} };
    chunks.set(name, chunk);
    const requireFrom = (id) => (id.startsWith('./') ? load(id.slice(2)) : requireOther(id));
    scriptOf(name).runInThisContext()(chunk.exports, requireFrom, chunk, `${bundle}/${name}`, bundle);
    return chunk.exports;
  };
  return load('main.cjs');
}

/** For the bundle: V8 forgets of compiled code to whom its own `import()` belongs, and refuses it. */
const importModule = (specifier) => import(specifier);

module.exports = { bundleIsCurrent, compiledFolder, importModule, loadBundle, loadChunks, sourceOf };
