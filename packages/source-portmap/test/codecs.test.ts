import { transportAddress } from '@wirepath/core/plugin';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GatewayAnswer, Inquiry, Wish } from '../src/protocol/inquiry.js';
import { decodeResponse, NatPmpInquiry } from '../src/protocol/nat-pmp.js';
import { decodeMapResponse, encodeMapRequest, PcpInquiry } from '../src/protocol/pcp.js';
import { Epoch } from '../src/protocol/epoch.js';
import { UpnpInquiry } from '../src/upnp/upnp.js';

const GATEWAY = '192.168.1.1';
const WISH: Wish = {
  clientIp: '192.168.1.2',
  gatewayIp: GATEWAY,
  internalPort: 51_820,
  suggestedPort: 51_820,
  lifetimeSeconds: 7200,
  nonce: Buffer.from('0123456789ab'),
  description: 'wirepath',
};

function pcpResponse(changes: {
  result?: number;
  lifetime?: number;
  ip?: readonly number[];
  port?: number;
  nonce?: string;
}) {
  const { result = 0, lifetime = 7200, ip = [198, 51, 100, 1], port = 51_820, nonce = '0123456789ab' } = changes;
  const bytes = Buffer.from(encodeMapRequest(WISH, lifetime));
  bytes[1] = 0x81;
  bytes[3] = result;
  bytes.fill(0, 8, 24);
  bytes.write(nonce, 24);
  bytes.writeUInt16BE(port, 42);
  bytes.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...ip], 44);
  return bytes;
}

function ask(inquiry: Inquiry, bytes: Uint8Array, from = transportAddress(GATEWAY, 5351)) {
  inquiry.handle({ kind: 'datagram', from, bytes }, 10);
  return inquiry.outcome;
}

describe('PCP', () => {
  it('asks as RFC 6887 has it', () => {
    expect(Buffer.from(encodeMapRequest(WISH, 7200)).toString('hex')).toBe(
      '0201000000001c2000000000000000000000ffffc0a80102' +
        '303132333435363738396162' +
        '11000000' +
        'ca6cca6c' +
        '00000000000000000000ffff00000000',
    );
  });

  it.each([
    ['of another nonce', pcpResponse({ nonce: 'ba9876543210' }), undefined],
    ['that is cut', pcpResponse({}).subarray(0, 56), undefined],
    ['of loopback', pcpResponse({ ip: [127, 0, 0, 1] }), 'it forwards 127.0.0.1, a loopback address'],
    ['of multicast', pcpResponse({ ip: [239, 1, 1, 1] }), "it forwards 239.1.1.1, which is nobody's address"],
    ['of nobody', pcpResponse({ ip: [0, 0, 0, 0] }), "it forwards 0.0.0.0, which is nobody's address"],
    ['of the link', pcpResponse({ ip: [169, 254, 1, 1] }), 'it forwards 169.254.1.1, a link-local address'],
    ['of ourselves', pcpResponse({ ip: [192, 168, 1, 2] }), 'it forwards 192.168.1.2, our own address'],
    ['of port 0', pcpResponse({ port: 0 }), 'it forwards 198.51.100.1, port 0'],
    ['for no time', pcpResponse({ lifetime: 0 }), 'it maps for no time'],
    ['with an unknown result', pcpResponse({ result: 200 }), 'it refuses (PCP result 200)'],
    ['of NAT-PMP', Buffer.from('0081000100000000', 'hex'), 'it speaks NAT-PMP'],
  ])('makes of an answer %s: %s', (_what, bytes, reason) => {
    const outcome = ask(new PcpInquiry(WISH, 0), bytes);
    expect(outcome && 'reason' in outcome ? outcome.reason : outcome).toBe(reason);
  });

  it('believes no lifetime beyond a day', () => {
    const outcome = ask(new PcpInquiry(WISH, 0), pcpResponse({ lifetime: 0xffff_ffff }));
    expect(outcome).toMatchObject({ kind: 'mapped', mapping: { lifetimeMs: 86_400_000 } });
  });

  it.each([transportAddress('192.168.1.3', 5351), transportAddress(GATEWAY, 5352)])('reads nothing from %j', (from) => {
    expect(ask(new PcpInquiry(WISH, 0), pcpResponse({}), from)).toBeUndefined();
  });

  it('reads whatever comes without an error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1200 }), (bytes) => void decodeMapResponse(bytes)));
  });
});

describe('NAT-PMP', () => {
  it('reads whatever comes without an error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeResponse(bytes)));
  });
});

describe('every protocol', () => {
  const answers = fc.oneof(
    fc.record({
      kind: fc.constant('datagram' as const),
      from: fc.constantFrom(transportAddress(GATEWAY, 5351), transportAddress(GATEWAY, 1900)),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        fc.integer({ min: 0, max: 59 }).map((at) => {
          const bytes = pcpResponse({});
          bytes[at] = (bytes[at] ?? 0) ^ 0x55;
          return bytes;
        }),
        fc
          .webUrl()
          .map((url) =>
            Buffer.from(
              `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: ${url}\r\n\r\n`,
            ),
          ),
        fc.constant(
          Buffer.from(
            `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: http://${GATEWAY}:5000/a.xml\r\n\r\n`,
          ),
        ),
      ),
    }),
    fc.record({
      kind: fc.constant('http' as const),
      id: fc.nat(5),
      status: fc.constantFrom(200, 301, 500),
      body: fc.string({ maxLength: 200 }),
    }),
    fc.record({ kind: fc.constant('http-failed' as const), id: fc.nat(5), reason: fc.constant('HTTP fails') }),
  );

  it.each([
    ['PCP', () => new PcpInquiry(WISH, 0)],
    ['NAT-PMP', () => new NatPmpInquiry(WISH, 0)],
    ['UPnP', () => new UpnpInquiry(WISH, 0, { random: () => 0.5 })],
  ] as const)('%s asks the gateway alone, and ends, whatever comes', (_name, make) => {
    fc.assert(
      fc.property(fc.array(answers, { maxLength: 30 }), (list) => {
        const inquiry: Inquiry = make();
        let now = 0;
        const step = (answer?: GatewayAnswer) => {
          if (answer !== undefined) inquiry.handle(answer, now);
          if (inquiry.isReady) inquiry.commit(now);
          for (const request of inquiry.takeRequests()) {
            const to = request.kind === 'datagram' ? request.to.ip : request.request.url.hostname;
            expect([GATEWAY, '239.255.255.250']).toContain(to);
          }
        };
        for (const answer of list) step(answer);
        for (let turn = 0; turn < 20 && inquiry.nextTimeout() < Infinity; turn += 1) {
          now = inquiry.nextTimeout();
          inquiry.handleTimeout(now);
          step();
        }
        expect(inquiry.nextTimeout()).toBe(Infinity);
        expect(now).toBeLessThan(10_000);
      }),
    );
  });
});

describe('the epoch (RFC 6887 8.5)', () => {
  it.each([
    ['that goes on with time', 100, 160, 60_000, true],
    ['that begins again', 100, 3, 60_000, false],
    ['that stands still', 100, 100, 60_000, false],
    ['a second behind, in a hurry', 100, 99, 0, true],
    ['that runs ahead', 100, 400, 60_000, false],
  ])('%s', (_what, first, second, passedMs, consistent) => {
    const epoch = new Epoch();
    epoch.isConsistent(first, 0);
    expect(epoch.isConsistent(second, passedMs)).toBe(consistent);
  });
});
