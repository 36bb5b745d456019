import { CodedError } from '@wirepath/core/plugin';
import { expect, it } from 'vitest';
import { openPreferring } from '../../src/sockets/open-preferring.js';

const { signal } = new AbortController();

it.each<[string, number, number | undefined, number[], number[]]>([
  ['the configured port, whatever it was before', 51_820, 40_000, [], [51_820]],
  ['any, at the first start', 0, undefined, [], [0]],
  ['the one from before, where any will do', 0, 40_000, [], [40_000]],
  ['any, where that one is taken', 0, 40_000, [40_000], [40_000, 0]],
])('opens %s', async (_what, configured, preferred, taken, expected) => {
  const tried: number[] = [];
  const open = async (port: number) => {
    tried.push(port);
    if (taken.includes(port)) throw new CodedError('ADDRESS_IN_USE');
  };
  await openPreferring({ open }, { configured, preferred, signal });
  expect(tried).toEqual(expected);
});

it('gives up where the network is at fault, not the port', async () => {
  const open = async () => {
    throw new CodedError('NETWORK_CONFIG');
  };
  await expect(openPreferring({ open }, { configured: 0, preferred: 40_000, signal })).rejects.toThrow(CodedError);
});
