import { describe, expect, it } from 'vitest';
import { capabilityNames, capabilitySet, parseThreadStatus, threadRights } from '../../src/rights/capabilities.js';

describe('capabilities', () => {
  it('have the numbers of linux/capability.h', () => {
    expect(capabilitySet(['CAP_CHOWN', 'CAP_NET_BIND_SERVICE', 'CAP_NET_ADMIN', 'CAP_NET_RAW'])).toBe(0x3401n);
    expect(capabilitySet(['CAP_CHECKPOINT_RESTORE'])).toBe(1n << 40n);
    expect(capabilityNames(0x3000n)).toEqual(['CAP_NET_ADMIN', 'CAP_NET_RAW']);
    expect(capabilityNames(capabilitySet([]))).toEqual([]);
  });

  it('that Linux does not have are refused, rather than dropped in silence', () => {
    expect(() => capabilitySet(['CAP_NET_ADMINS'])).toThrow('CAP_NET_ADMINS');
  });

  it('are read of a thread as the kernel writes them', () => {
    const status =
      'Name:\tlibuv-worker\nUid:\t0\t0\t0\t0\nCapInh:\t0000000000000000\nCapPrm:\t0000000000003000\n' +
      'CapEff:\t0000000000001000\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n';
    expect(parseThreadStatus(7, status)).toEqual({
      tid: 7,
      name: 'libuv-worker',
      permitted: 0x3000n,
      effective: 0x1000n,
      bounding: 0x1ffffffffffn,
      noNewPrivileges: true,
    });
  });

  it.skipIf(process.platform !== 'linux')('are told of every thread of this process', () => {
    expect(threadRights().map(({ tid }) => tid)).toContain(process.pid);
  });
});
