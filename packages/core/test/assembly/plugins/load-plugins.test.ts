import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { definePlugin } from '../../../src/plugin.js';
import { idleTransport, sampleProduct } from '../product/sample-product.js';
import { loadYaml, nodeYaml, problemsOf, RcFolder } from '../../rc-file/rc-folder.js';

describe('plugins', () => {
  const plugin = (body: string) =>
    `export default { name: 'x', apiVersion: 1, needs: [], provides: [], create: () => ({}), ${body} };`;

  it('are taken from the rc file’s folder before the product’s own', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml('plugins: ["@sample/transport", "@sample/host", ./mine.mjs]'),
      'mine.mjs': plugin(`name: 'mine'`),
      'node_modules/@sample/host/package.json':
        '{"name":"@sample/host","version":"9.9.9","type":"module","exports":{".":{"default":"./i.js"}}}',
      'node_modules/@sample/host/i.js': plugin(`name: '@sample/host', provides: ['candidateSource', 'egress']`),
    });
    const { plugins } = await folder.load('rc.yaml');
    expect(plugins.map(({ resolvedFrom, version }) => [resolvedFrom, version])).toEqual([
      [undefined, '1.2.3'],
      [join(folder.path, 'node_modules/@sample/host/i.js'), '9.9.9'],
      [join(folder.path, 'mine.mjs'), undefined],
    ]);
  });

  it('may be CommonJS, with or without a wrapped default', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml('plugins: ["@sample/transport", ./a.cjs, ./b.cjs]'),
      'a.cjs': plugin(`name: 'a'`).replace('export default', 'module.exports ='),
      'b.cjs': plugin(`name: 'b'`)
        .replace('export default', 'module.exports = { __esModule: true, default:')
        .replace(/;$/, '};'),
    });
    const { plugins } = await folder.load('rc.yaml');
    expect(plugins.map(({ definition }) => definition.name)).toEqual(['@sample/transport', 'a', 'b']);
  });

  it.each<[string, string, string, object]>([
    ['has no default export', 'export const x = 1;', '', { expected: 'a plugin as the default export' }],
    ['does not parse', 'export default {', '', { expected: 'a module that can be imported' }],
    [
      'throws when imported',
      'throw new Error("boom")',
      '',
      { found: expect.stringMatching(/^an error at .*p\.mjs:1:7: boom$/) },
    ],
    [
      'has another apiVersion',
      plugin('apiVersion: 3'),
      '',
      { expected: 'a plugin of apiVersion 1 or 2', found: 'apiVersion 3' },
    ],
    ['has no create', plugin('create: undefined'), '', { expected: 'a plugin with a `create` function' }],
    ['needs what is not there', plugin('needs: ["database"]'), '', { found: 'database' }],
    ['provides what is not a role', plugin('provides: ["relays"]'), '', { found: 'relays' }],
    [
      'takes no options',
      plugin(''),
      '{ a: 1 }',
      { keyPath: 'plugins[1][1]', expected: 'no options: this plugin takes none' },
    ],
    [
      'has a broken schema',
      plugin('options: () => { throw new Error("boom") }'),
      '{}',
      { expected: '`options` to return a schema' },
    ],
    [
      'needs an egress',
      plugin('needs: ["egress"]'),
      '',
      { keyPath: 'plugins', suggestion: 'add @sample/host to `plugins`' },
    ],
    [
      'requires a relay',
      plugin('requires: ["relay"]'),
      '',
      { expected: 'a plugin that provides the relay', suggestion: 'add @sample/relay to `plugins`' },
    ],
    [
      'is a second transport',
      plugin('provides: ["transport"]'),
      '',
      { expected: 'one transport', suggestion: 'remove one of the two' },
    ],
  ])('that one %s is told', async (_, source, options, expected) => {
    const entry = options === '' ? './p.mjs' : `[./p.mjs, ${options}]`;
    const folder = new RcFolder({ 'rc.yaml': nodeYaml(`plugins: ["@sample/transport", ${entry}]`), 'p.mjs': source });
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([{ plugin: './p.mjs', ...expected }]);
  });

  it('must include a transport, each once', async () => {
    expect(await problemsOf(loadYaml(nodeYaml('plugins: ["@sample/host"]')))).toMatchObject([
      { keyPath: 'plugins', expected: 'a transport', suggestion: 'add @sample/transport to `plugins`' },
    ]);
    expect(await problemsOf(loadYaml(nodeYaml('plugins: ["@sample/transport", "@sample/transport"]')))).toMatchObject([
      { keyPath: 'plugins[1]', found: 'the same plugin as plugins[0]' },
    ]);
  });

  it('that cannot be found come with the command that installs them', async () => {
    const problems = await problemsOf(
      loadYaml(nodeYaml('plugins: ["@sample/transport", "wholly-other", fs, ./none.mjs]')),
    );
    expect(problems.map(({ keyPath, suggestion }) => [keyPath, suggestion])).toEqual([
      ['plugins[1]', 'install it beside this file: npm install wholly-other'],
      ['plugins[2]', 'install it beside this file: npm install fs'],
      ['plugins[3]', undefined],
    ]);
  });

  it('with an exports map of `import` alone are told what is missing', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml('plugins: ["@sample/transport", only-import]'),
      'node_modules/only-import/package.json': '{"name":"only-import","exports":{".":{"import":"./i.mjs"}}}',
    });
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([
      { plugin: 'only-import', found: 'a package whose exports have no `default` or `require` condition' },
    ]);
  });

  it('get their options deeply frozen, with defaults', async () => {
    const nested = definePlugin({
      name: 'nested',
      apiVersion: 1,
      options: (z) => z.strictObject({ a: z.strictObject({ b: z.array(z.number()).default([1]) }).prefault({}) }),
      needs: [],
      provides: ['transport'],
      create: () => ({ transport: idleTransport() }),
    });
    const { plugins } = await loadYaml(nodeYaml('plugins: [nested]'), { product: sampleProduct({ nested }) });
    const options = plugins[0]?.options as { a: { b: number[] } };
    expect(options).toEqual({ a: { b: [1] } });
    expect(() => options.a.b.push(2)).toThrow(TypeError);
  });
});
