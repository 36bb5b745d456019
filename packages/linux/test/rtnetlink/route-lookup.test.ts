import { describe, expect, it } from 'vitest';
import { attribute, concat } from '../../src/netlink/attributes.js';
import { failureOf } from '../../src/netlink/answer.js';
import { NetlinkError, type NetlinkRequests } from '../../src/netlink/netlink-socket.js';
import { interfaceIndex, RouteLookup } from '../../src/rtnetlink/route-lookup.js';

function lookupWith(get: NetlinkRequests['get']) {
  return new RouteLookup({ get } as NetlinkRequests);
}

const question = { source: Uint8Array.of(192, 0, 2, 1), destination: Uint8Array.of(198, 51, 100, 9), mark: 0x57 };

describe('which way a datagram would go', () => {
  it('is asked with source, destination and mark', () => {
    const asked: string[] = [];
    const lookup = lookupWith(({ type, payload }) => {
      asked.push(`${type} ${Buffer.from(payload).toString('hex')}`);
      const payloadOfAnswer = concat([new Uint8Array(12), attribute.u32(4, 7)]);
      return { type: 24, flags: 0, sequence: 1, portId: 0, payload: payloadOfAnswer };
    });
    expect(lookup.interfaceTo(question)).toBe(7);
    expect(asked).toEqual([
      '26 ' + '022020000000000000000000' + '08000100c6336409' + '08000200c0000201' + '0800100057000000',
    ]);
  });

  it('is nowhere where the kernel has no route', () => {
    const lookup = lookupWith(() => {
      throw new NetlinkError('no', failureOf(101));
    });
    expect(lookup.interfaceTo(question)).toBeUndefined();
  });

  it.skipIf(process.platform !== 'linux')('is loopback from this machine to itself', () => {
    using lookup = new RouteLookup();
    const loopback = Uint8Array.of(127, 0, 0, 1);
    expect(interfaceIndex('lo')).toBe(1);
    expect(interfaceIndex('no-such-name')).toBeUndefined();
    expect(lookup.interfaceTo({ source: loopback, destination: loopback, mark: 0 })).toBe(1);
    expect(
      lookup.interfaceTo({ source: Uint8Array.of(192, 0, 2, 77), destination: loopback, mark: 0 }),
    ).toBeUndefined();
  });
});
