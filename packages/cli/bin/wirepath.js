#!/usr/bin/env node
// CommonJS, by the package.json beside it: Node starts it quicker than an ES module.
/* global require, __dirname */
'use strict';
const { bundleIsCurrent, loadBundle } = require('./bundle.js');

const packageFolder = `${__dirname}/..`;
if (bundleIsCurrent(packageFolder)) void loadBundle(`${packageFolder}/dist/bundle`).main(process.argv);
else void import('../dist/index.js').then(({ main }) => main(process.argv));
