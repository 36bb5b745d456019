import { describe, expect, it } from 'vitest';
import { formatAddress } from '@wirepath/stun-codec';
import { addressesInHosts } from '../../../src/base/names/hosts-file.js';
import { namesToAsk, parseResolverConfig } from '../../../src/base/names/resolv-conf.js';

describe('resolv.conf', () => {
  it('is read as the C library reads it', () => {
    const config = parseResolverConfig(`
# made by hand
nameserver 192.0.2.53   ; the first
nameserver 2001:db8::53
nameserver fe80::1%eth0
nameserver nonsense
domain old.example
search a.example. b.example
options ndots:2 timeout:3 attempts:4 rotate use-vc edns0
unknown words`);
    expect(config.servers.map(formatAddress)).toEqual(['192.0.2.53:53', '[2001:db8::53]:53', '[fe80::1%eth0]:53']);
    expect(config).toMatchObject({
      search: ['a.example', 'b.example'],
      ndots: 2,
      timeoutSeconds: 3,
      attempts: 4,
      rotate: true,
      tcpOnly: true,
    });
  });

  it.each([
    ['192.0.2.1:5353', '192.0.2.1:5353'],
    ['[2001:db8::1]:5353', '[2001:db8::1]:5353'],
    ['[2001:db8::1]', '[2001:db8::1]:53'],
  ])('takes a server with its port: %s', (text, expected) => {
    expect(parseResolverConfig(`nameserver ${text}`).servers.map(formatAddress)).toEqual([expected]);
  });

  it.each(['', 'nameserver', 'nameserver 192.0.2.1:0', 'nameserver [192.0.2.1]', 'options ndots:x', '\0\0'])(
    'makes nothing of %j',
    (text) => {
      expect(parseResolverConfig(text)).toMatchObject({ servers: [], ndots: 1, search: [] });
    },
  );

  it('bounds what it takes', () => {
    const many = Array.from({ length: 100 }, (_, i) => `nameserver 192.0.2.${i}`).join('\n');
    expect(parseResolverConfig(many).servers).toHaveLength(8);
    expect(parseResolverConfig('options ndots:999').ndots).toBe(15);
  });

  it.each([
    ['relay', ['relay.a.example', 'relay.b.example', 'relay']],
    ['relay.b', ['relay.b', 'relay.b.a.example', 'relay.b.b.example']],
    ['relay.', ['relay']],
  ])('asks for %s as %j', (host, names) => {
    expect(namesToAsk(host, { search: ['a.example', 'b.example'], ndots: 1 })).toEqual(names);
  });
});

describe('the hosts file', () => {
  const text =
    '127.0.0.1\tlocalhost\n203.0.113.1 Relay.Example relay # relay.old\n2001:db8::1 relay.example\n#203.0.113.9 relay.example\n203.0.113.2 other.relay.example\n';

  it.each([
    ['relay.example', ['203.0.113.1', '2001:db8::1']],
    ['RELAY.example.', ['203.0.113.1', '2001:db8::1']],
    ['relay', ['203.0.113.1']],
    ['relay.old', []],
    ['example', []],
    ['203.0.113.1', []],
  ])('gives %s the addresses %j', (host, addresses) => {
    expect(addressesInHosts(text, host)).toEqual(addresses);
  });
});
