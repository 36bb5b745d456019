import { describe, expect, it } from 'vitest';
import { parseCidr } from '../../../src/base/addresses/cidr.js';
import { checkOverlaps, type PlacedNetwork } from '../../../src/rc-file/checking/overlapping-networks.js';
import { ProblemList } from '../../../src/rc-file/problems/problem-list.js';

/** Peers by their networks; what is told of them. */
function check(...peers: string[][]): { problems: string[]; warnings: string[] } {
  const problems = new ProblemList('rc.yaml');
  const list = { value: undefined, path: ['peers'], problems };
  const networks = peers.flatMap((cidrs, index): PlacedNetwork[] => {
    const of = { list, path: ['peers', index] };
    return cidrs.map((text, at) => ({ cidr: parseCidr(text)!, of, path: [...of.path, 'allowedIps', at] }));
  });
  checkOverlaps(networks);
  return {
    problems: problems.problems.map(({ keyPath, found }) => `${keyPath}: ${found}`),
    warnings: problems.warnings.map(({ keyPath, message }) => `${keyPath}: ${message}`),
  };
}

describe('networks of several peers', () => {
  it('that are the same are a problem of the later, and of one peer are none', () => {
    expect(check(['10.0.0.0/24', '10.0.0.0/24'], ['10.0.1.0/24'], ['10.0.0.0/24'], ['10.0.0.0/24'])).toEqual({
      problems: [
        'peers[2].allowedIps[0]: 10.0.0.0/24, also of peers[0]',
        'peers[3].allowedIps[0]: 10.0.0.0/24, also of peers[0]',
      ],
      warnings: [],
    });
    expect(check(['10.0.0.0/24'], ['10.0.0.0/24', '10.0.0.0/24']).problems).toHaveLength(2);
  });

  it('that lie in one another are worth a warning, at the later one, about the nearest', () => {
    expect(check(['10.0.0.0/8'], ['10.1.0.0/16'], ['10.1.1.0/24']).warnings).toEqual([
      'peers[1].allowedIps[0]: overlaps peers[0] (10.0.0.0/8): the longer prefix wins',
      'peers[2].allowedIps[0]: overlaps peers[1] (10.1.0.0/16): the longer prefix wins',
    ]);
    expect(check(['fd00::1/128'], ['fd00::2/128'], ['fd00::/64']).warnings).toEqual([
      'peers[2].allowedIps[0]: overlaps peers[0] (fd00::1/128) and 1 more: the longer prefix wins',
    ]);
  });

  it('do not overlap with a default route, nor with those of the same peer', () => {
    expect(check(['0.0.0.0/0'], ['10.0.0.0/8', '10.1.0.0/16'])).toEqual({ problems: [], warnings: [] });
  });

  it('are compared in a number of steps that grows as they do', () => {
    const steps = (count: number) => {
      let looks = 0;
      const list = { value: undefined, path: [], problems: new ProblemList('rc.yaml') };
      const networks = Array.from({ length: count }, (_, i): PlacedNetwork => {
        const cidr = parseCidr(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/${i % 100 === 0 ? 31 : 32}`)!;
        return {
          get cidr() {
            looks += 1;
            return cidr;
          },
          of: { list, path: [i] },
          path: [i],
        };
      });
      checkOverlaps(networks);
      return looks;
    };
    expect(steps(4000) / steps(1000)).toBeLessThan(4.5);
  });
});
