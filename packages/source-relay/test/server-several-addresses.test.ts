import { describe, expect, it } from 'vitest';
import { transportAddress } from '@wirepath/core/plugin';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { PEER, turnLab } from './turn-lab.js';

const [FIRST, SECOND] = ['203.0.113.1', '203.0.113.2'];

/** A server on 0.0.0.0 of a machine with two addresses. */
async function several(turn: Record<string, unknown> = {}, ips: readonly string[] = [FIRST, SECOND]) {
  let port = 5000;
  const machine = { ips, hint: (): void => undefined };
  const lab = await turnLab({
    stun: { listen: '0.0.0.0:3478' },
    turn: { listen: '0.0.0.0:3478', ...turn },
    addresses: () => machine.ips,
    edges: {
      local: () => machine.ips.map((ip) => ({ family: transportAddress(ip, 0).family, ip, interfaceName: 'eth0' })),
      trigger: (onHint) => {
        machine.hint = onHint;
        return { [Symbol.dispose]: () => undefined };
      },
    },
  });
  return {
    ...lab,
    machine,
    clientOf: (ip: string) => lab.client(at('192.0.2.1', port++), at(ip, 3478)),
    async change(to: readonly string[]): Promise<void> {
      machine.ips = to;
      machine.hint();
      await lab.clock.advance(1000);
    },
  };
}

describe('a server on the wildcard address', () => {
  it('answers Binding from the address that was asked', async () => {
    const { clientOf, network } = await several();
    for (const ip of [SECOND, FIRST]) {
      const client = await clientOf(ip);
      await client.send(client.encode({ method: 'binding' }));
      expect(client.inbox).toHaveLength(1);
      expect(network.sent.at(-1)?.from).toEqual(at(ip, 3478));
    }
  });

  it('relays at the address that was asked, and from there', async () => {
    const { clientOf, network, peer, server } = await several();
    const client = await clientOf(SECOND);
    const relayed = (await client.allocate()).relayedAddress;
    expect(relayed?.ip).toBe(SECOND);
    await client.permit(PEER);
    await client.sendIndication(PEER, 'hello');
    expect(peer.received).toEqual([`${SECOND}:${relayed?.port} hello`]);
    expect(server.status()).toMatchObject({
      listening: ['stun 0.0.0.0:3478', 'turn 0.0.0.0:3478', 'turn 0.0.0.0:3478/tcp'],
      addresses: [`${FIRST}:3478`, `${SECOND}:3478`],
    });
    expect(network.boundAddresses).toContain(`${SECOND}:${relayed?.port}`);
  });

  it('counts what a client has at all addresses together', async () => {
    const { clientOf } = await several({ quotaPerUser: 1 });
    expect((await (await clientOf(FIRST)).allocate()).class).toBe('success');
    expect((await (await clientOf(SECOND)).allocate()).errorCode?.code).toBe(486);
  });

  it('follows addresses that come', async () => {
    const { clientOf, change } = await several({}, [FIRST]);
    await change([FIRST, SECOND]);
    const client = await clientOf(SECOND);
    expect((await client.allocate()).relayedAddress?.ip).toBe(SECOND);
  });

  it('keeps allocations while an address is away for a moment, and ends them when it stays away', async () => {
    const { clientOf, change, server, clock } = await several();
    const client = await clientOf(SECOND);
    expect((await client.allocate({ lifetimeSeconds: 3600 })).class).toBe('success');
    await change([FIRST]);
    await change([FIRST, SECOND]);
    await clock.advance(60_000);
    expect(server.status()).toMatchObject({ allocations: 1 });
    await change([FIRST]);
    await clock.advance(700_000);
    expect(server.status()).toMatchObject({ allocations: 0, addresses: [`${FIRST}:3478`] });
  });

  it('does not answer what says that it comes from one of its own addresses', async () => {
    const { network, drops } = await several();
    network.send({
      from: at(FIRST, 3478),
      to: at(SECOND, 3478),
      bytes: Buffer.from('000100002112a442000102030405060708090a0b', 'hex'),
    });
    await settled();
    expect(drops()).toEqual({ unanswerable: 1 });
  });

  it('says what to do where clients from outside get a private address', async () => {
    const { clientOf, server } = await several({}, ['10.0.0.5', '10.0.0.6']);
    await (await clientOf('10.0.0.6')).allocate();
    expect(server.problems()).toEqual([expect.stringMatching(/10\.0\.0\.6.*turn\.externalAddress/)]);
  });

  it('leaves nothing open', async () => {
    const { server, network, clock } = await several();
    await server.stop();
    expect(network.boundAddresses).toEqual(['198.51.100.7:51820']);
    expect(clock.pendingTimers).toBe(0);
  });
});
