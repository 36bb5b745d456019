#!/usr/bin/env node
// CommonJS, by the package.json beside it: Node starts it quicker than an ES module.
/* global require, __dirname */
'use strict';
const { existsSync } = require('node:fs');
const { bundleIsCurrent, loadBundle } = require('./bundle.js');

const packageFolder = `${__dirname}/..`;
if (bundleIsCurrent(packageFolder)) void loadBundle(`${packageFolder}/dist/bundle`).main(process.argv);
else if (!existsSync(`${packageFolder}/dist/index.js`)) {
  process.stderr.write('wirepath: this clone is not built. Run `npm run pack` in it, and install what that makes.\n');
  process.exitCode = 1;
} else void import('../dist/index.js').then(({ main }) => main(process.argv));
