import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const examples = fileURLToPath(new URL('../..', import.meta.url));

/** Indentation aside: what a README shows may stand deeper in a file. */
const lines = (text: string) => text.split('\n').map((line) => line.trim());

function blocksOf(readme: string): string[] {
  return [...readme.matchAll(/^```(?:ts|yaml|text)\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
}

function filesOf(example: string): string[] {
  // Not what lies deeper elsewhere: packages, and what tests that run meanwhile make and remove.
  const sources = ['src', 'test'].flatMap((folder) => inFolder(join(example, folder), true, /\.ts$/));
  return [...sources, ...inFolder(example, false, /\.(yaml|txt)$/)].map((file) => readFileSync(file, 'utf8'));
}

function inFolder(folder: string, recursive: boolean, wanted: RegExp): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive, encoding: 'utf8' });
  return names.filter((name) => wanted.test(name)).map((name) => join(folder, name));
}

const names = readdirSync(examples, { withFileTypes: true }).filter((entry) => entry.isDirectory());

describe.each(names.map(({ name }) => name))('README of %s', (name) => {
  const blocks = blocksOf(readFileSync(join(examples, name, 'README.md'), 'utf8'));
  const files = filesOf(join(examples, name)).map((text) => lines(text).join('\n'));

  it.each(blocks.map((block) => [lines(block)[0], block] as const))('shows what is tested: %s', (_first, block) => {
    const wanted = lines(block).join('\n').trim();
    expect(files.some((file) => file.includes(wanted)) ? wanted : 'in no file').toBe(wanted);
  });

  it('shows something', () => expect(blocks.length).toBeGreaterThan(1));
});
