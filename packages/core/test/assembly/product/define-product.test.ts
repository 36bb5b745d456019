import { describe, expect, it } from 'vitest';
import { searchPlaces } from '../../../src/rc-file/reading/find-config.js';
import { environmentVariableName } from '../../../src/rc-file/overrides/environment-variables.js';
import { defaultInterfaceName } from '../../../src/base/addresses/interface-name.js';
import { defineProduct } from '../../../src/assembly/product/define-product.js';

const minimal = { name: 'acme-vpn', version: '1.0.0', plugins: {}, defaultPlugins: [], serverPlugins: [] };

describe('defineProduct', () => {
  it('derives everything from the name', () => {
    const product = defineProduct(minimal);
    expect(product.environmentPrefix).toBe('ACME_VPN');
    expect(environmentVariableName(product, 'MTU')).toBe('ACME_VPN_MTU');
    expect(searchPlaces(product)).toEqual([
      'package.json',
      '.acme-vpnrc',
      '.acme-vpnrc.json',
      '.acme-vpnrc.yaml',
      '.acme-vpnrc.yml',
    ]);
    expect(defaultInterfaceName(product)).toBe('acme-vpn0');
    expect(defaultInterfaceName({ name: 'a-very-long-product-name' })).toHaveLength(15);
  });

  it('freezes', () => {
    const product = defineProduct(minimal);
    expect([product, product.plugins, product.defaultPlugins, product.serverPlugins].every(Object.isFrozen)).toBe(true);
  });

  it.each([
    ['a name in upper case', { name: 'Acme' }],
    ['an empty name', { name: '' }],
    ['a name with a slash', { name: '../acme' }],
    ['an empty version', { version: '' }],
    ['a prefix in lower case', { environmentPrefix: 'acme' }],
    ['a default plugin that it does not have', { defaultPlugins: ['x'] }],
    ['a server plugin that it does not have', { serverPlugins: ['toString'] }],
  ])('refuses %s', (_, change) => {
    expect(() => defineProduct({ ...minimal, ...change })).toThrow(expect.objectContaining({ code: 'CONFIG' }));
  });
});
