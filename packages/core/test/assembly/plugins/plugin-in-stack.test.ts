import { describe, expect, it } from 'vitest';
import { pluginInStack } from '../../../src/assembly/plugins/plugin-in-stack.js';

const plugins = [
  { name: '@acme/signal', resolvedFrom: '/etc/acme/node_modules/@acme/signal/dist/index.js' },
  { name: './mine.mjs', resolvedFrom: '/etc/acme/mine.mjs' },
  { name: '@wirepath/source-host', resolvedFrom: undefined },
];

const thrownAt = (...frames: string[]) =>
  Object.assign(new Error('boom'), {
    stack: ['Error: boom', ...frames.map((frame) => `    at f (${frame})`)].join('\n'),
  });

describe('the plugin that threw', () => {
  it.each<[string, string[], string | undefined]>([
    ['in its entry', ['file:///etc/acme/node_modules/@acme/signal/dist/index.js:3:9'], '@acme/signal'],
    ['in another of its files', ['/etc/acme/node_modules/@acme/signal/lib/x.js:3:9'], '@acme/signal'],
    [
      'in a library that it calls',
      ['node:net:1:1', 'file:///opt/wirepath/cli.js:1:1', 'file:///etc/acme/mine.mjs:1:1'],
      './mine.mjs',
    ],
    ['in a package beside its file', ['file:///etc/acme/node_modules/other/x.js:1:1'], undefined],
    ['in our own code', ['file:///opt/wirepath/cli.js:1:1', 'node:internal/timers:1:1'], undefined],
  ])('%s', (_where, frames, name) => expect(pluginInStack(thrownAt(...frames), plugins)).toBe(name));

  it.each([['text'], [undefined], [Object.defineProperty(new Error('x'), 'stack', { value: 7 })]])(
    'is not known where %s was thrown',
    (thrown) => expect(pluginInStack(thrown, plugins)).toBeUndefined(),
  );
});
