/**
 * Writes docs/commands.md from the built command line; with --check only says whether it is up to date.
 * Run after a build: node packages/cli/scripts/generate-docs.mjs [--check]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { commandsDocument } from '../dist/commands-doc.js';
import { wirepath } from '../dist/product.js';

const file = new URL('../docs/commands.md', import.meta.url);
const text = commandsDocument(wirepath);

if (process.argv.includes('--check')) {
  const written = await readFile(file, 'utf8').catch(() => '');
  if (written !== text) {
    console.error('docs/commands.md is out of date: run node packages/cli/scripts/generate-docs.mjs');
    process.exitCode = 1;
  }
} else {
  await writeFile(file, text);
}
