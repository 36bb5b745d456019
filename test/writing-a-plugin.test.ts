import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');
const page = read('docs/writing-a-plugin.md');
/** A path on a line of its own, and the code that is said to be in it. */
const excerpts = [...page.matchAll(/^`([^`\n]+)`:\n\n```ts\n([\s\S]*?)^```$/gm)].map(([, path = '', code = '']) => ({
  path,
  code,
}));

/** Whatever its depth: an excerpt may be shown without what stands around it. */
const lines = (text: string) => text.split('\n').map((line) => line.trim());

it('the page shows code of the package, and all that it shows names its file', () => {
  expect(excerpts.length).toBeGreaterThan(6);
  expect(excerpts).toHaveLength([...page.matchAll(/^```ts$/gm)].length);
});

it.each(excerpts)('$path has what the page shows of it', ({ path, code }) => {
  expect(lines(read(path)).join('\n')).toContain(lines(code.trim()).join('\n'));
});

it('the package file that the page shows is that of the package, cut', () => {
  const [, shown = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const whole = lines(read('packages/signaling-lan/package.json')).map((line) => line.replace(/,$/, ''));
  for (const line of lines(shown)) expect(whole).toContain(line.replace(/,$/, ''));
});
