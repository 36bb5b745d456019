import { describe, expect, it } from 'vitest';
import {
  defaultInterfaceName,
  isInterfaceName,
  isKernelInterfaceName,
} from '../../../src/base/addresses/interface-name.js';

describe('the name of an interface', () => {
  it.each<[name: string, ours: boolean, kernel: boolean]>([
    ['wp0', true, true],
    ['a', true, true],
    ['eth0.100', true, true],
    ['A_b-c=d+e.f', true, true],
    ['fifteen-letters', true, true],
    ['sixteen--letters', false, false],
    ['...', true, true],
    ['.', false, false],
    ['..', false, false],
    ['', false, false],
    ['wp@0', false, true],
    ['wp#0', false, true],
    ['wé0', false, true],
    ['ééééééé1', false, true],
    ['éééééééé', false, false],
    ['wp%d', false, false],
    ['wp:0', false, false],
    ['wp/0', false, false],
    ['wp 0', false, false],
    ['wp0\n', false, false],
  ])('%j: ours %s, the system’s %s', (name, ours, kernel) => {
    expect([isInterfaceName(name), isKernelInterfaceName(name)]).toEqual([ours, kernel]);
  });

  it('is the product’s name and a 0 where nobody says otherwise', () => {
    expect(defaultInterfaceName({ name: 'wirepath' })).toBe('wirepath0');
    expect(defaultInterfaceName({ name: 'a-very-long-product' })).toBe('a-very-long-pr0');
  });
});
