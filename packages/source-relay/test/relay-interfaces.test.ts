import { describe, expect, it } from 'vitest';
import { transportAddress } from '@wirepath/core/plugin';
import { RelayInterfaces } from '../src/server/relay-interfaces.js';

const OUTSIDE = '192.0.2.9';
const INSIDE = '10.0.0.9';

interface Row {
  readonly what: string;
  readonly listen: string | readonly string[];
  readonly external?: string;
  /** This machine's. */
  readonly local?: readonly string[];
  readonly asked: string;
  readonly client?: string;
  readonly family?: 4 | 6;
  /** Bound at, and advertised as. */
  readonly is: readonly [string, string] | undefined;
}

const rows: readonly Row[] = [
  {
    what: 'the address that was asked',
    listen: '0.0.0.0:3478',
    asked: '203.0.113.2',
    is: ['203.0.113.2', '203.0.113.2'],
  },
  {
    what: 'the address that was asked, of several that are listed',
    listen: ['203.0.113.1:3478', '203.0.113.2:3478'],
    asked: '203.0.113.2',
    is: ['203.0.113.2', '203.0.113.2'],
  },
  {
    what: 'behind a 1:1 NAT the address that a client from outside has reached',
    listen: '0.0.0.0:3478',
    external: '203.0.113.7',
    local: ['10.0.0.5', '10.0.0.6'],
    asked: '10.0.0.6',
    is: ['10.0.0.6', '203.0.113.7'],
  },
  {
    what: 'behind a 1:1 NAT any address for a neighbour, which has not come through the NAT',
    listen: '0.0.0.0:3478',
    external: '203.0.113.7',
    local: ['10.0.0.5', '10.0.0.6'],
    asked: '10.0.0.5',
    client: INSIDE,
    is: ['0.0.0.0', '203.0.113.7'],
  },
  {
    what: 'the external address where this machine has it',
    listen: '0.0.0.0:3478',
    external: '203.0.113.7',
    local: ['203.0.113.6', '203.0.113.7'],
    asked: '203.0.113.6',
    is: ['203.0.113.7', '203.0.113.7'],
  },
  {
    what: 'the first that is listed, where there is an external address',
    listen: ['10.0.0.5:3478', '10.0.0.6:3478'],
    external: '203.0.113.7',
    asked: '10.0.0.6',
    is: ['10.0.0.5', '203.0.113.7'],
  },
  {
    what: 'of the other family a global address of this machine',
    listen: ['0.0.0.0:3478', '[::]:3478'],
    local: ['203.0.113.1', '::1', 'fd00::1', '2001:db8::1'],
    asked: '203.0.113.1',
    family: 6,
    is: ['2001:db8::1', '2001:db8::1'],
  },
  {
    what: 'nowhere, where this machine has none of the other family',
    listen: ['0.0.0.0:3478', '[::]:3478'],
    local: ['203.0.113.1'],
    asked: '203.0.113.1',
    family: 6,
    is: undefined,
  },
  {
    what: 'nowhere, where nothing listens in that family',
    listen: '0.0.0.0:3478',
    asked: '203.0.113.1',
    family: 6,
    is: undefined,
  },
  {
    what: 'a global address of this machine where it is not known which was asked',
    listen: '0.0.0.0:3478',
    local: ['10.0.0.5', '203.0.113.1'],
    asked: '0.0.0.0',
    is: ['203.0.113.1', '203.0.113.1'],
  },
];

describe('an allocation is relayed at', () => {
  it.each(rows)('$what', ({ listen, external, local = [], asked, client = OUTSIDE, family = 4, is }) => {
    const read = () =>
      local.map((ip) => ({ family: transportAddress(ip, 0).family, ip, interfaceName: 'eth0' }) as const);
    const interfaces = new RelayInterfaces({ listen, externalAddress: external }, read);
    const found = interfaces.of(family, {
      asked: transportAddress(asked, 3478),
      client: transportAddress(client, 5000),
    });
    expect(found && [found.bindIp, found.advertisedIp]).toEqual(is);
  });

  it('what is advertised is known whatever interfaces there are', () => {
    const interfaces = new RelayInterfaces(
      { listen: ['0.0.0.0:1', '[2001:db8::1]:1'], externalAddress: '203.0.113.7' },
      () => [],
    );
    expect(interfaces.advertised).toEqual(['2001:db8::1', '203.0.113.7']);
  });
});
