/* global require, module */
'use strict';
const { existsSync, readFileSync, statSync } = require('node:fs');

/**
 * The bundle starts in half the time of the modules that it is made of, and does the same. In a workspace it may be missing,
 * or older than what tsc has built since.
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

/** Loads the bundle as Node loads any module: plugins from an rc file's folder are imported from inside it. */
function loadBundle(bundle) {
  // From Node 22.1 on, Node keeps compiled code itself, beside the bundle where it may write there.
  require('node:module').enableCompileCache?.(`${bundle}/compiled`);
  return require(`${bundle}/main.cjs`);
}

module.exports = { bundleIsCurrent, loadBundle };
