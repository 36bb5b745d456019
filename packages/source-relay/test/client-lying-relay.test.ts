import { decodeStunMessage, encodeRelayIndication, encodeStunMessage, longTermKey } from '@wirepath/stun-codec';
import type { StunMessage, StunMessageFields } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { CLIENT, clientLab } from './client-lab.js';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { PEER, SERVER } from './turn-lab.js';

const { signal } = new AbortController();
const MINUTE = 60_000;
const STALE = { code: 438, reason: 'Stale Nonce' };

type Lab = Awaited<ReturnType<typeof clientLab>>;
type Lie = Partial<StunMessageFields>;

/** From now on the server answers a method with what the test says, well signed; the challenge stays as it is. */
function lie(lab: Lab, method: StunMessage['method'], untrue: Lie) {
  const lies = new Set<Buffer>();
  lab.network.deliver = ({ from, to, bytes }) => {
    const truth = from.port === SERVER.port && !lies.has(bytes) ? decodeStunMessage(bytes) : undefined;
    if (truth?.method !== method || truth.errorCode?.code === 401) return true;
    const { transactionId, relayedAddress, mappedAddress, lifetimeSeconds } = truth;
    const lied = encodeStunMessage({
      class: truth.class,
      method,
      transactionId,
      integrityKey: longTermKey('lab', 'lab', 'secret'),
      ...(truth.class === 'success' && { relayedAddress, mappedAddress, lifetimeSeconds }),
      ...untrue,
    });
    lies.add(lied);
    lab.network.send({ from, to, bytes: lied });
    return false;
  };
}

function asked({ network }: Lab, method: StunMessage['method']): number {
  return network.sent.filter(({ from, bytes }) => from === CLIENT && decodeStunMessage(bytes)?.method === method)
    .length;
}

describe('a relay that lies in its answer to Allocate', () => {
  it.each<[string, Lie]>([
    ['loopback', { relayedAddress: at('127.0.0.1', 50_000) }],
    ['multicast', { relayedAddress: at('224.0.0.251', 5353) }],
    ['broadcast', { relayedAddress: at('255.255.255.255', 50_000) }],
    ['unspecified', { relayedAddress: at('0.0.0.0', 50_000) }],
    ['link-local', { relayedAddress: at('169.254.169.254', 80) }],
    ['without port', { relayedAddress: at('203.0.113.10', 0) }],
    ['of the other family', { relayedAddress: at('2001:db8::1', 50_000) }],
    ['none', { relayedAddress: undefined }],
    ['of no lifetime', { lifetimeSeconds: 0 }],
  ])('a relayed address that is %s is refused, and leaves nothing behind', async (_what, untrue) => {
    const lab = await clientLab();
    lie(lab, 'allocate', untrue);
    await expect(lab.allocate()).rejects.toMatchObject({ code: 'TURN_RELAY' });
    expect(lab.datagrams.listenerCount).toBe(0);
  });

  it.each([
    ['unspecified', at('0.0.0.0', 1)],
    ['multicast', at('239.1.1.1', 1)],
    ['loopback', at('127.0.0.1', 51_820)],
    ['without port', at('192.0.2.1', 0)],
    ['absent', undefined],
  ])('a mapped address that is %s is told to nobody, and the relay works', async (_what, mappedAddress) => {
    const lab = await clientLab();
    lie(lab, 'allocate', { mappedAddress });
    const allocation = await lab.allocate();
    expect(allocation.mappedAddress).toBeUndefined();
    await lab.during(allocation.permit(PEER, { signal }));
    await lab.fromPeer('in', allocation.relayedAddress);
    expect(lab.datagrams.received).toMatchObject([{ text: 'in' }]);
  });

  it.each([
    ['loopback', at('127.0.0.1', 53)],
    ['multicast', at('224.0.0.251', 5353)],
    ['without port', at('198.51.100.1', 0)],
  ])('an alternate server that is %s is not asked', async (_what, alternateServer) => {
    const lab = await clientLab();
    lie(lab, 'allocate', { class: 'error', errorCode: { code: 300, reason: 'Try Alternate' }, alternateServer });
    await expect(lab.allocate()).rejects.toMatchObject({ code: 'TURN_RELAY' });
    expect(lab.network.sent.filter(({ from, to }) => from === CLIENT && to.ip !== SERVER.ip)).toEqual([]);
  });
});

describe('a relay that lies about lifetimes', () => {
  it.each([['allocate'], ['refresh']] as const)('of 2^32 - 1 s, in %s: it is asked within the hour', async (method) => {
    const lab = await clientLab();
    lie(lab, method, { lifetimeSeconds: 2 ** 32 - 1 });
    const allocation = await lab.allocate();
    const lost: string[] = [];
    allocation.onLost(({ message }) => lost.push(message));
    if (method === 'refresh') await lab.during(allocation.refresh({ signal }));
    lab.network.deliver = () => true;
    await lab.clock.advance(59 * MINUTE - 1000);
    expect(asked(lab, 'refresh')).toBe(method === 'refresh' ? 1 : 0);
    // The truth was 10 minutes.
    await lab.clock.advance(MINUTE);
    expect(lost).toEqual(['turn:203.0.113.10:3478: Refresh was refused: 437 Allocation Mismatch']);
  });

  it('of 0, in Refresh: the allocation is lost', async () => {
    const lab = await clientLab();
    const allocation = await lab.allocate();
    lie(lab, 'refresh', { lifetimeSeconds: 0 });
    expect(await lab.during(allocation.refresh({ signal }))).toBe(false);
    expect(lab.clock.pendingTimers).toBe(1);
    expect(lab.datagrams.listenerCount).toBe(0);
  });
});

describe('a relay that never stops challenging', () => {
  const endless = { class: 'error', errorCode: STALE, realm: 'lab', nonce: 'another' } as const;

  it('Refresh: it is asked so often, and the allocation is lost', async () => {
    const lab = await clientLab();
    const allocation = await lab.allocate();
    lie(lab, 'refresh', endless);
    expect(await lab.during(allocation.refresh({ signal }))).toBe(false);
    await lab.clock.advance(60 * MINUTE);
    expect(asked(lab, 'refresh')).toBeLessThan(6);
  });

  it.each(['create-permission', 'channel-bind'] as const)('%s: it is asked so often', async (method) => {
    const lab = await clientLab();
    const allocation = await lab.allocate();
    lie(lab, method, endless);
    const permitted = await lab.during(allocation.permit(PEER, { signal })).then(
      ({ kind }) => kind,
      ({ code }: { code: string }) => code,
    );
    // Without a channel there are indications.
    expect(permitted).toBe(method === 'channel-bind' ? 'stream' : 'TURN_RELAY');
    await lab.clock.advance(MINUTE);
    expect(asked(lab, method)).toBeLessThan(6);
  });
});

it('10,000 peers that were never permitted get nothing in', async () => {
  const lab = await clientLab();
  const allocation = await lab.allocate();
  await lab.during(allocation.permit(PEER, { signal }));
  for (let n = 0; n < 10_000; n++) {
    const peer = at(`198.18.${n >> 8}.${n & 255}`, 1024 + n);
    const bytes = encodeRelayIndication('data', Buffer.alloc(12), peer, Buffer.from('x'));
    lab.network.send({ from: SERVER, to: CLIENT, bytes });
  }
  await settled();
  expect(lab.datagrams.received).toEqual([]);
  expect(lab.relay.counters()['relay.unknown-peer']).toBe(10_000);
});
