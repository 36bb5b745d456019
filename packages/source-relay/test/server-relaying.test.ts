import { describe, expect, it } from 'vitest';
import { at } from './raw-client.js';
import { PEER, turnLab } from './turn-lab.js';

async function allocated(turn: Parameters<typeof turnLab>[0] = {}) {
  const lab = await turnLab(turn);
  const client = await lab.client();
  const { relayedAddress } = await client.allocate();
  return { lab, client, relayedAddress: relayedAddress! };
}

describe('permissions (RFC 8656, section 9)', () => {
  it('let a peer in by IP address, whatever its port, for 300 s', async () => {
    const { lab, client, relayedAddress } = await allocated();
    await lab.fromPeer('too early', relayedAddress);
    expect((await client.permit(PEER)).class).toBe('success');
    await lab.fromPeer('one', relayedAddress);
    await lab.fromPeer('two', relayedAddress, at(PEER.ip, 9));
    await lab.fromPeer('a stranger', relayedAddress, at('198.51.100.8', PEER.port));
    await lab.clock.advance(299_999);
    await lab.fromPeer('three', relayedAddress);
    await lab.clock.advance(1);
    await lab.fromPeer('too late', relayedAddress);
    expect(client.data).toEqual(['198.51.100.7:51820 one', '198.51.100.7:9 two', '198.51.100.7:51820 three']);
    expect(lab.drops()).toEqual({ 'no-permission': 3 });
  });

  it('are needed to send, too', async () => {
    const { lab, client, relayedAddress } = await allocated();
    await client.sendIndication(PEER, 'dropped');
    await client.permit(PEER);
    await client.sendIndication(PEER, 'relayed');
    expect(lab.peer.received).toEqual([`203.0.113.10:${relayedAddress.port} relayed`]);
  });

  it('are installed all or none', async () => {
    const { lab, client } = await allocated();
    const other = at('198.51.100.8', 1);
    expect((await client.permit(other, at('10.0.0.1', 1), PEER)).errorCode?.code).toBe(403);
    await client.sendIndication(PEER, 'dropped');
    expect(lab.peer.received).toEqual([]);
    expect((await client.permit(other, PEER)).class).toBe('success');
    await client.sendIndication(PEER, 'relayed');
    expect(lab.peer.received).toHaveLength(1);
  });

  it.each([
    ['no address', [], 400],
    ['the other address family', [at('2001:db8::1', 1)], 443],
  ])('are refused for %s', async (_what, peers, code) => {
    const { client } = await allocated();
    expect((await client.permit(...peers)).errorCode?.code).toBe(code);
  });

  it('of one client are not those of another', async () => {
    const { lab, client } = await allocated();
    const other = await lab.client();
    const { relayedAddress } = await other.allocate();
    await client.permit(PEER);
    await lab.fromPeer('to the other', relayedAddress);
    expect(other.data).toEqual([]);
  });
});

describe('channels (RFC 8656, section 12)', () => {
  it.each([0x4000, 0x4fff, 0x7ffe])('relay both ways (%i)', async (channel) => {
    const { lab, client, relayedAddress } = await allocated();
    expect((await client.bindChannel(channel, PEER)).class).toBe('success');
    await client.sendChannelData(channel, 'there');
    await lab.fromPeer('back', relayedAddress);
    await lab.fromPeer('from another port', relayedAddress, at(PEER.ip, 9));
    expect(lab.peer.received).toEqual([`203.0.113.10:${relayedAddress.port} there`]);
    expect(client.data).toEqual([`${channel.toString(16)} back`, '198.51.100.7:9 from another port']);
  });

  it('live 600 s, their permission 300 s, each renewed for itself', async () => {
    const { lab, client, relayedAddress } = await allocated();
    await client.allocate();
    await client.bindChannel(0x4000, PEER);
    await lab.clock.advance(300_000);
    await client.sendChannelData(0x4000, 'no permission');
    await client.permit(PEER);
    await client.sendChannelData(0x4000, 'again');
    await client.request({ method: 'refresh' });
    await lab.clock.advance(299_999);
    await client.permit(PEER);
    await lab.fromPeer('by channel', relayedAddress);
    await lab.clock.advance(1);
    await lab.fromPeer('by indication', relayedAddress);
    await client.sendChannelData(0x4000, 'no channel');
    expect(lab.peer.received).toEqual([`203.0.113.10:${relayedAddress.port} again`]);
    expect(client.data).toEqual(['4000 by channel', '198.51.100.7:51820 by indication']);
    expect(lab.drops()).toEqual({ 'no-permission': 1, 'no-channel': 1 });
  });

  it('may be rebound to what they are bound to, and to nothing else', async () => {
    const { client } = await allocated();
    const other = at('198.51.100.8', 1);
    expect((await client.bindChannel(0x4000, PEER)).class).toBe('success');
    expect((await client.bindChannel(0x4000, PEER)).class).toBe('success');
    expect((await client.bindChannel(0x4000, other)).errorCode?.code).toBe(400);
    expect((await client.bindChannel(0x4001, PEER)).errorCode?.code).toBe(400);
    expect((await client.bindChannel(0x4001, other)).class).toBe('success');
  });

  it('can be bound anew after they expired', async () => {
    const { lab, client } = await allocated();
    await client.bindChannel(0x4000, PEER);
    await client.request({ method: 'refresh', lifetimeSeconds: 3600 });
    await lab.clock.advance(600_000);
    expect((await client.bindChannel(0x4000, at('198.51.100.8', 1))).class).toBe('success');
    expect((await client.bindChannel(0x4001, PEER)).class).toBe('success');
  });

  it.each([
    ['a number below', 0x3fff, PEER, 400],
    ['the number above', 0x7fff, PEER, 400],
    ['a peer without port', 0x4000, at(PEER.ip, 0), 400],
    ['a forbidden peer', 0x4000, at('192.168.1.1', 1), 403],
  ])('are refused for %s', async (_what, channel, peer, code) => {
    const { client } = await allocated();
    expect((await client.bindChannel(channel, peer)).errorCode?.code).toBe(code);
  });
});

describe('the relay itself as a peer', () => {
  it('joins two allocations without a datagram leaving', async () => {
    const { lab, client, relayedAddress } = await allocated();
    const other = await lab.client();
    const { relayedAddress: otherRelayed } = await other.allocate();
    await client.bindChannel(0x4000, otherRelayed!);
    await other.permit(relayedAddress);
    const before = lab.network.sent.length;
    await client.sendChannelData(0x4000, 'hello');
    expect(other.data).toEqual([`203.0.113.10:${relayedAddress.port} hello`]);
    // From the client in, and to the other client out.
    expect(lab.network.sent.length - before).toBe(2);
  });

  it('wants the permission of both', async () => {
    const { lab, client } = await allocated();
    const other = await lab.client();
    const { relayedAddress } = await other.allocate();
    await client.permit(relayedAddress!);
    await client.sendIndication(relayedAddress!, 'unwanted');
    expect(other.data).toEqual([]);
    expect(lab.drops()).toEqual({ 'no-permission': 1 });
  });

  it.each([
    ['its own listening port', 3478],
    ['a service beside it', 22],
    ['no port', 0],
  ])('is refused on %s', async (_what, port) => {
    const { lab, client } = await allocated();
    const own = at('203.0.113.10', port);
    expect((await client.permit(own)).errorCode?.code).toBe(403);
    expect((await client.bindChannel(0x4000, at(own.ip, port || 1))).errorCode?.code).toBe(403);
    // A permission for a live relayed port reaches no other port of that address.
    const { relayedAddress } = await (await lab.client()).allocate();
    await client.permit(relayedAddress!);
    const before = lab.network.sent.length;
    await client.sendIndication(own, 'probe');
    expect(lab.network.sent.length - before).toBe(1);
    expect(lab.drops()).toEqual({ 'peer-refused': 1 });
  });

  it('joins allocations by its external address, behind a 1:1 NAT', async () => {
    const lab = await turnLab({ turn: { externalAddress: '198.51.100.200', relayPorts: [50_000, 50_009] } });
    const [client, other] = [await lab.client(), await lab.client()];
    await client.allocate();
    const { relayedAddress } = await other.allocate();
    expect(relayedAddress?.ip).toBe('198.51.100.200');
    expect((await client.permit(relayedAddress!)).class).toBe('success');
  });
});
