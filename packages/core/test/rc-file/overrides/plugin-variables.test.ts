import { describe, expect, it } from 'vitest';
import { describePlugins } from '../../../src/assembly/plugins/describe-plugins.js';
import { sampleProduct } from '../../assembly/product/sample-product.js';
import { nodeYaml, problemsOf, RcFolder } from '../rc-folder.js';

const PLUGINS =
  'plugins: ["@sample/transport", ["@sample/stun", { servers: [a] }], ["@sample/relay", { servers: [] }], "@sample/host"]';
const folder = () => new RcFolder({ 'rc.yaml': nodeYaml(PLUGINS) });
const optionsOf = async (env: Record<string, string>, yaml = nodeYaml(PLUGINS)) => {
  const { plugins, warnings } = await new RcFolder({ 'rc.yaml': yaml }).load('rc.yaml', { env });
  expect(warnings).toEqual([]);
  return Object.fromEntries(plugins.map(({ name, writtenOptions }) => [name, writtenOptions]));
};

describe('environment variables of plugins', () => {
  it('set options, of plugins with options and without', async () => {
    expect(
      await optionsOf({
        SAMPLE_PLUGINS__STUN__SERVERS: '["b","c"]',
        SAMPLE_PLUGINS__SAMPLE_RELAY__SERVERS__0__URL: 'turn:a',
        SAMPLE_PLUGINS__SAMPLE_RELAY__SERVERS__0__USERNAME: 'me',
        SAMPLE_PLUGINS__RELAY__SERVERS__0__CREDENTIAL_FILE: 'private.key',
      }),
    ).toMatchObject({
      '@sample/stun': { servers: ['b', 'c'] },
      '@sample/relay': { servers: [{ url: 'turn:a', username: 'me', credentialFile: 'private.key' }] },
    });
  });

  it('set all options at once, of the list that another variable sets', async () => {
    expect(
      await optionsOf({
        SAMPLE_PLUGINS: '["@sample/transport","@sample/host","@sample/stun"]',
        SAMPLE_PLUGINS__STUN: '{"servers":["d"]}',
      }),
    ).toMatchObject({ '@sample/stun': { servers: ['d'] } });
  });

  it("set options of the product's own plugins, where the file names none", async () => {
    const plugins = await optionsOf({ SAMPLE_PLUGINS__TRANSPORT__MODE: 'embedded' }, nodeYaml());
    expect(plugins).toMatchObject({ '@sample/transport': { mode: 'embedded' } });
  });

  it.each([
    ['SAMPLE_PLUGINS__STUNN__SERVERS', 'stands for no key; did you mean `SAMPLE_PLUGINS__STUN__SERVERS`?'],
    [
      'SAMPLE_PLUGINS__PORTMAP__GATEWAY',
      'stands for no key; the plugins here are SAMPLE_PLUGINS__TRANSPORT__..., SAMPLE_PLUGINS__STUN__..., SAMPLE_PLUGINS__RELAY__..., SAMPLE_PLUGINS__HOST__...',
    ],
  ])('that name no plugin are warned about: %s', async (variable, message) => {
    const { warnings } = await folder().load('rc.yaml', { env: { [variable]: 'x' } });
    expect(warnings).toEqual([{ file: `environment variable ${variable}`, keyPath: '', message }]);
  });

  it('that are wrong are named, and their secrets are not', async () => {
    const env = { SAMPLE_PLUGINS__STUN__SERVRS: '[]', SAMPLE_PLUGINS__RELAY__SERVERS: '[{"credential":7}]' };
    const problems = await problemsOf(folder().load('rc.yaml', { env }));
    expect(problems.map(({ file, keyPath, suggestion }) => [file, keyPath, suggestion])).toContainEqual([
      'environment variable SAMPLE_PLUGINS__STUN__SERVRS',
      'plugins[1][1].servrs',
      'did you mean `servers`?',
    ]);
    expect(problems.map(({ file }) => file)).toContain('environment variable SAMPLE_PLUGINS__RELAY__SERVERS');
  });

  it('are told with what they set', async () => {
    const product = sampleProduct();
    const env = { SAMPLE_PLUGINS__STUN__SERVERS: '["b"]' };
    const described = describePlugins(await folder().load('rc.yaml', { env, product }));
    expect(described.map(({ environment }) => environment)).toEqual([
      {},
      { servers: 'SAMPLE_PLUGINS__STUN__SERVERS' },
      {},
      {},
    ]);
  });
});
