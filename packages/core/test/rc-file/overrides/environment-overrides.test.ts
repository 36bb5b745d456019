import { describe, expect, it } from 'vitest';
import { nodeYaml, OTHER_PEER_KEY, problemsOf, PUBLIC_KEY, RcFolder } from '../rc-folder.js';

describe('environment variables', () => {
  it('override the file, by name and by path', async () => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml('mtu: 1400\nlog: { level: warn }') });
    const config = await folder.load('rc.yaml', {
      env: {
        SAMPLE_MTU: '1300',
        SAMPLE_INTERFACE: 'env0',
        SAMPLE_LOG_LEVEL: 'trace',
        SAMPLE_TRAVERSAL__REFRESH_INTERVAL: '30s',
        SAMPLE_TRAVERSAL__ENABLED: 'false',
        SAMPLE_ADDRESSES: '["10.0.0.1/24"]',
        OTHER_MTU: '9',
      },
    });
    expect(config.node?.settings).toEqual({ interfaceName: 'env0', mtu: 1300, addresses: ['10.0.0.1/24'] });
    expect(config.node?.traversal).toMatchObject({ refreshIntervalMs: 30_000, enabled: false });
    expect(config.log.level).toBe('trace');
    expect(config.warnings).toEqual([]);
  });

  it('replace a key file by a key and the other way round', async () => {
    const folder = new RcFolder({ 'rc.yaml': `privateKey: ${OTHER_PEER_KEY}` });
    const config = await folder.load('rc.yaml', { env: { SAMPLE_PRIVATE_KEY_FILE: 'private.key' } });
    expect(config.node?.identity.publicKey).toBe(PUBLIC_KEY);
  });

  it('are named where they are wrong, and warned about where they stand for nothing', async () => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml() });
    expect(
      await problemsOf(folder.load('rc.yaml', { env: { SAMPLE_TRAVERSAL__HOLE_PUNCH_TIMEOUT: 'soon' } })),
    ).toMatchObject([
      { file: 'environment variable SAMPLE_TRAVERSAL__HOLE_PUNCH_TIMEOUT', keyPath: 'traversal.holePunchTimeout' },
    ]);
    const config = await folder.load('rc.yaml', {
      env: { SAMPLE_MTUU: '1', SAMPLE___PROTO__: '1', SAMPLE_CONSTRUCTOR: '1' },
    });
    expect(config.warnings.map(({ file, message }) => `${file}: ${message}`)).toEqual([
      'environment variable SAMPLE_CONSTRUCTOR: stands for no key',
      'environment variable SAMPLE_MTUU: stands for no key; did you mean `SAMPLE_MTU`?',
      'environment variable SAMPLE___PROTO__: stands for no key',
    ]);
  });

  it('reach into server sections', async () => {
    const folder = new RcFolder({ 'rc.yaml': 'server: { stun: { listen: "127.0.0.1:1" } }' });
    const config = await folder.load('rc.yaml', { env: { SAMPLE_SERVER__STUN__LISTEN: '127.0.0.1:2' } });
    expect(config.serverParts[0]?.options).toEqual({ stun: { listen: '127.0.0.1:2' } });
  });
});
