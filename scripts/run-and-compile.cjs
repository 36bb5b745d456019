// Runs a command from a bundle and, when it ends, keeps what V8 has compiled by then. SIGTERM ends it in order.
//   node scripts/run-and-compile.cjs BUNDLE COMMAND...
'use strict';
const { Chunks } = require('../packages/cli/bin/bundle.js');

const [node, script, bundle, ...args] = process.argv;
const chunks = new Chunks(bundle);
process.on('exit', () => chunks.keepCompiled());
void chunks.load('main.cjs').main([node, script, ...args]);
