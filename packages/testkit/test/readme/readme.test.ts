import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const blocks = [...read('../../README.md').matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
const examples = readdirSync(new URL('.', import.meta.url)).filter(
  (name) => name.endsWith('.test.ts') && name !== 'readme.test.ts',
);

describe('the README', () => {
  it.each(examples)('shows %s as it runs here', (name) => {
    expect(blocks).toContain(read(name).replaceAll('../../src/index.js', '@wirepath/testkit'));
  });

  it('shows nothing that does not run here', () => {
    expect(blocks).toHaveLength(examples.length);
  });

  it('verifies each role in fewer than ten lines', () => {
    for (const name of examples.filter((one) => read(one).includes('Conformance('))) {
      const call = /runConformance\(\n([\s\S]*)\n\);/.exec(read(name))?.[1] ?? '';
      expect(call.split('\n').length, name).toBeLessThan(10);
    }
  });
});
