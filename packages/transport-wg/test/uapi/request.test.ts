import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGetRequest, formatSetRequest, UapiRequestReader, type UapiRequest } from '../../src/uapi/request.js';
import { MAX_LINE_BYTES } from '../../src/uapi/lines.js';
import { formatHexKey } from '../../src/uapi/values.js';
import { change, keyBytes } from './arbitraries.js';

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const read = (text: string): UapiRequest[] => new UapiRequestReader().push(ascii(text));
const KEY = 'ab'.repeat(32);
const ZERO = '00'.repeat(32);
const peerOf = (text: string) => {
  const [request] = read(`set=1\npublic_key=${KEY}\n${text}\n\n`);
  if (request?.kind !== 'set') throw new Error('refused');
  return request.change.peers[0]!;
};

describe('a UAPI request', () => {
  it('comes back from its own text', () => {
    fc.assert(
      fc.property(change, (value) => {
        expect(read(formatSetRequest(value))).toEqual([{ kind: 'set', change: value }]);
      }),
    );
    expect(read(formatGetRequest())).toEqual([{ kind: 'get' }]);
  });

  it('may arrive in any pieces, and several on one connection', () => {
    fc.assert(
      fc.property(change, fc.array(fc.nat(400), { maxLength: 8 }), (value, cuts) => {
        const text = `get=1\n\n${formatSetRequest(value)}get=1\n\n`;
        const at = [...cuts.map((cut) => cut % text.length), text.length].sort((a, b) => a - b);
        const reader = new UapiRequestReader();
        let from = 0;
        const requests = at.flatMap((to) => {
          const piece = text.slice(from, to);
          from = to;
          return reader.push(ascii(piece));
        });
        expect(requests).toEqual([{ kind: 'get' }, { kind: 'set', change: value }, { kind: 'get' }]);
        expect(reader.idle).toBe(true);
      }),
    );
  });

  it('is nothing until its blank line', () => {
    const reader = new UapiRequestReader();
    expect(reader.push(ascii(`set=1\nlisten_port=1\n`))).toEqual([]);
    expect(reader.idle).toBe(false);
  });

  const meanings: [what: string, text: string, expected: object][] = [
    ['a zero preshared key is none', `preshared_key=${ZERO}`, { presharedKey: null }],
    ['keepalive', 'persistent_keepalive_interval=25', { keepaliveSeconds: 25 }],
    ['removal', 'remove=true', { remove: true }],
    ['update only', 'update_only=true', { updateOnly: true }],
    ['host bits are cleared', 'allowed_ip=10.1.2.3/8', { allowedIps: [{ cidr: '10.0.0.0/8', remove: false }] }],
    ['also of IPv6', 'allowed_ip=FD00:0:0::1:1/112', { allowedIps: [{ cidr: 'fd00::1:0/112', remove: false }] }],
    ['an allowed IP is taken away', 'allowed_ip=-10.0.0.0/8', { allowedIps: [{ cidr: '10.0.0.0/8', remove: true }] }],
    [
      'a replacement empties what came before it',
      'allowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\nallowed_ip=::/0',
      { replaceAllowedIps: true, allowedIps: [{ cidr: '::/0', remove: false }] },
    ],
    ['the protocol version that there is', 'protocol_version=1', {}],
  ];
  it.each(meanings)('%s', (_what, text, expected) => {
    expect(peerOf(text)).toMatchObject(expected);
  });

  it('reads a zero private key as none', () => {
    expect(read(`set=1\nprivate_key=${ZERO}\n\n`)).toMatchObject([{ kind: 'set', change: { privateKey: null } }]);
  });

  const refused: [what: string, text: string][] = [
    ['nothing', ''],
    ['another verb', 'put=1'],
    ['another version', 'get=2'],
    ['more after get', 'get=1\nlisten_port=1'],
    ['an unknown key', 'set=1\ncolour=red'],
    ["a peer's key of a device", 'set=1\nendpoint=192.0.2.1:1'],
    ["a device's key of a peer", `set=1\npublic_key=${KEY}\nlisten_port=1`],
    ['replace_peers after a peer', `set=1\npublic_key=${KEY}\nreplace_peers=true`],
    ['replace_peers=false', 'set=1\nreplace_peers=false'],
    ['a short key', `set=1\npublic_key=${KEY.slice(1)}`],
    ['a port of 65536', 'set=1\nlisten_port=65536'],
    ['a port in hexadecimal', 'set=1\nlisten_port=0x10'],
    ['a signed port', 'set=1\nlisten_port=+1'],
    ['a fwmark of 33 bits', 'set=1\nfwmark=4294967296'],
    ['an endpoint by name', `set=1\npublic_key=${KEY}\nendpoint=localhost:1`],
    ['an endpoint without port', `set=1\npublic_key=${KEY}\nendpoint=192.0.2.1`],
    ['an endpoint with port 0', `set=1\npublic_key=${KEY}\nendpoint=192.0.2.1:0`],
    ['an octal address', `set=1\npublic_key=${KEY}\nallowed_ip=010.0.0.1/8`],
    ['a prefix of 33', `set=1\npublic_key=${KEY}\nallowed_ip=10.0.0.1/33`],
    ['an address without prefix', `set=1\npublic_key=${KEY}\nallowed_ip=10.0.0.1`],
    ['protocol version 2', `set=1\npublic_key=${KEY}\nprotocol_version=2`],
    ['no "="', 'set=1\nlisten_port'],
    ['carriage returns', 'set=1\r\nlisten_port=1\r'],
  ];
  it.each(refused)('refuses %s with EINVAL, once, and reads on behind it', (_what, text) => {
    const separator = text === '' ? '\n' : '\n\n';
    expect(read(`${text}${separator}get=1\n\n`)).toMatchObject([
      { kind: 'invalid', error: { errno: 22 }, fatal: false },
      { kind: 'get' },
    ]);
  });

  it('changes nothing where one line of many is wrong', () => {
    expect(read(`set=1\nlisten_port=1\npublic_key=${KEY}\nfoo=1\n\n`)).toMatchObject([{ kind: 'invalid' }]);
  });

  it('names the key in its error, never the value', () => {
    fc.assert(
      fc.property(keyBytes, (key) => {
        const text = formatHexKey(key);
        const requests = [
          ...read(`set=1\nprivate_key=${text}0\n\n`),
          ...read(`set=1\n${text}=1\n\n`),
          ...read(`set=1\n${text}\n\n`),
          ...read(`${text}=1\n\n`),
        ];
        expect(requests).toHaveLength(4);
        for (const request of requests) {
          expect(request.kind === 'invalid' ? request.error.message : text).not.toContain(text.slice(0, 12));
        }
      }),
    );
  });

  const floods: [what: string, bytes: Uint8Array][] = [
    ['a line without end', ascii('a'.repeat(MAX_LINE_BYTES + 1))],
    ['a line too long', ascii(`set=1\nlisten_port=${'1'.repeat(MAX_LINE_BYTES)}\n\n`)],
    ['a request too long', ascii(`set=1\n${'listen_port=1\n'.repeat(100)}\n`)],
  ];
  it.each(floods)('ends at %s and keeps nothing of it', (_what, bytes) => {
    const reader = new UapiRequestReader({ maxRequestBytes: 1000 });
    expect(reader.push(bytes)).toMatchObject([{ kind: 'invalid', fatal: true }]);
    expect(reader.push(ascii('get=1\n\n'))).toEqual([]);
  });

  it('never throws, whatever comes in', () => {
    const reader = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(
          fc.constantFrom('set=1', 'get=1', '', `public_key=${KEY}`, 'remove=true', 'allowed_ip=::/0', '=', 'x=\xff'),
        )
        .map((lines) => ascii(lines.join('\n'))),
    );
    fc.assert(
      fc.property(fc.array(reader, { maxLength: 5 }), (pieces) => {
        const target = new UapiRequestReader();
        for (const piece of pieces) for (const request of target.push(piece)) expect(request.kind).toBeTruthy();
      }),
      { numRuns: 2000 },
    );
  });
});
