import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { SchemaLibrary } from '@wirepath/core/plugin';
import plugin, { type WireGuardOptions } from '../../src/index.js';
import { newIdentity, recordingLogger, systemClock, testGuard } from './support.js';

const { z } = createRequire(new URL('../../../core/package.json', import.meta.url))('zod') as { z: SchemaLibrary };
const schema = plugin.options!(z);

const needs = {
  logger: recordingLogger(),
  clock: systemClock,
  guard: testGuard(),
  random: { bytes: (length: number) => new Uint8Array(length) },
  identity: newIdentity(),
  node: { interfaceName: 'wptest0', addresses: ['10.77.0.1/24'], mtu: 1420 },
  product: { name: 'wirepath', runtimeFolder: '/run/wirepath' },
};

describe('the plugin', () => {
  it('has defaults for every option', () => {
    const parsed: WireGuardOptions = schema.parse({});
    expect(parsed).toEqual({
      mode: 'embedded',
      tun: true,
      subMode: 'proxy',
      configureInterface: true,
      killSwitch: false,
      avoid: [],
    });
  });

  it.each<[string, object]>([
    ['a key that there is not', { listenport: 1 }],
    ['a port that there is not', { listenPort: 65536 }],
    ['a mark of 0', { fwmark: 0 }],
    ['a mode that there is not', { mode: 'kernel' }],
    ['a cipher that there is not', { crypto: 'aes' }],
    ['a way of sending that there is not', { avoid: ['lso'] }],
    ['a name that no interface can have', { bindInterface: 'sixteen-letters-' }],
    ['a kill switch without a device', { tun: false, killSwitch: 'always' }],
  ])('refuses %s', (_what, options) => {
    expect(schema.safeParse(options).success).toBe(false);
  });

  it.each<[string, object, object]>([
    ['embedded', {}, { ownsSocket: true, multiplePaths: true, relayedPaths: true }],
    ['uapi, proxy', { mode: 'uapi' }, { ownsSocket: true }],
    ['uapi, native', { mode: 'uapi', subMode: 'native' }, { ownsSocket: false, relayedPaths: false }],
  ])('makes a transport for %s, without any I/O', async (_mode, options, capabilities) => {
    const { transport } = await plugin.create(needs, schema.parse(options));
    expect(transport!.capabilities).toMatchObject(capabilities);
    expect(transport!.listenPort).toBeUndefined();
    await transport!.stop();
  });
});
