import { describe, expect, it } from 'vitest';
import { samePath } from '@wirepath/core/plugin';
import { machineWith, on, onEth0, OWN_INTERFACE } from './fake-sockets.js';

const [FIRST, SECOND, THIRD] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const PEER = '198.51.100.9';
/** WireGuard's transport data, by type; and with another first byte, to be told apart. */
const data = Buffer.concat([Buffer.from('04000000', 'hex'), Buffer.alloc(28)]);
const answer = Buffer.of(2);
const stun = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');

describe('a machine with one address of a family', () => {
  it('has one socket of it, and its own tunnel and loopback do not count', async () => {
    const { machine, members, change } = await machineWith(FIRST, '127.0.0.1', '::1', '2001:db8::1');
    expect(members()).toEqual([]);
    machine.addresses = [...machine.addresses, { family: 4, ip: '10.77.0.1', interfaceName: OWN_INTERFACE }];
    await change();
    expect(members()).toEqual([]);
  });

  it('tells of all that there are, its own tunnel among them, as they come and go', async () => {
    const { machine, change } = await machineWith(FIRST);
    expect(machine.told).toEqual([FIRST]);
    machine.addresses = [onEth0(SECOND), { family: 4, ip: '10.77.0.1', interfaceName: OWN_INTERFACE }];
    await change();
    expect(machine.told).toEqual([SECOND, '10.77.0.1']);
  });
});

describe('a machine with several', () => {
  it('has a socket at each of that family, loopback among them, and is one base to everybody', async () => {
    const { members, sockets } = await machineWith(FIRST, SECOND, '127.0.0.1', '2001:db8::1');
    expect(members()).toEqual([FIRST, SECOND, '127.0.0.1']);
    expect(sockets.bases.map(({ family, shared }) => [family, shared])).toEqual([
      [4, true],
      [6, true],
    ]);
  });

  it('follows them as they come and go', async () => {
    const { machine, members, change, at } = await machineWith(FIRST);
    machine.addresses = [FIRST, SECOND].map(onEth0);
    await change();
    expect(members()).toEqual([FIRST, SECOND]);
    machine.addresses = [SECOND, THIRD].map(onEth0);
    await change();
    expect(members()).toEqual([SECOND, THIRD]);
    // What waits in the socket of the one that is left would be lost.
    machine.addresses = [onEth0(THIRD)];
    await change();
    expect(members()).toEqual([THIRD]);
    expect(at(FIRST)).toBeUndefined();
  });

  it('prepares every socket as the shared ones are prepared: mark, pin, no DF', async () => {
    const { sockets, machine, change } = await machineWith(FIRST, SECOND);
    const prepared: (string | undefined)[] = [];
    sockets.forEachSocket((socket) => prepared.push(socket.address?.ip ?? 'any'));
    expect(prepared).toEqual(['any', FIRST, SECOND, 'any']);
    machine.addresses = [...machine.addresses, onEth0(THIRD)];
    await change();
    expect(prepared.at(-1)).toBe(THIRD);
  });

  it('a socket that cannot be prepared is not used', async () => {
    const { sockets, machine, change, members } = await machineWith(FIRST, SECOND);
    sockets.forEachSocket((socket) => {
      if (socket.address?.ip === THIRD) throw Object.assign(new Error('no'), { code: 'NETWORK_CONFIG' });
    });
    machine.addresses = [...machine.addresses, onEth0(THIRD)];
    await change();
    expect(members()).toEqual([FIRST, SECOND]);
  });

  it('goes on with the wildcard socket where the system gives no others, and says so for those who debug', async () => {
    const one = await machineWith(FIRST);
    one.machine.refuse = new Error('no system calls here');
    one.machine.addresses = [FIRST, SECOND].map(onEth0);
    await one.change();
    expect(one.members()).toEqual([]);
    one.sockets.send(one.pathTo(PEER), data);
    expect(one.sent).toEqual([`0.0.0.0 > ${PEER}:7 4`]);
    expect(one.logger.lines.map(({ level }) => level)).toEqual(['debug']);
    expect(one.machine.watching).toBe(false);
  });

  it('leaves nothing open or pending', async () => {
    const { sockets, machine, members, clock } = await machineWith(FIRST, SECOND);
    machine.hint();
    await sockets.close();
    expect(members()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
    expect(machine.watching).toBe(false);
    sockets.send(
      {
        kind: 'socket',
        base: { id: 'x', family: 4, port: 1, shared: true },
        remote: { ip: PEER, port: 1, family: 4 },
      } as never,
      data,
    );
  });
});

describe('an answer', () => {
  it.each(['send', 'reply'] as const)(
    'leaves from the address that was asked (%s), while the datagram is handled',
    async (how) => {
      const { sockets, reply, at, sent, pathTo } = await machineWith(FIRST, SECOND);
      sockets.onDatagram(({ path }) => {
        // As the shell does it, which keeps no path objects.
        if (how === 'send') sockets.send(pathTo(path.remote.ip), answer);
        else reply(path, answer);
        return true;
      });
      at(SECOND)!.receive(stun, PEER, 7);
      at(FIRST)!.receive(stun, PEER, 7);
      at('0.0.0.0')!.receive(stun, PEER, 7);
      expect(sent.slice(0, 2)).toEqual([`${SECOND} > ${PEER}:7 2`, `${FIRST} > ${PEER}:7 2`]);
    },
  );

  it('later too, along the path that it came in on', async () => {
    const { sockets, reply, at, sent, heard } = await machineWith(FIRST, SECOND);
    at(SECOND)!.receive(data, PEER, 7);
    sockets.send(heard[0]!, answer);
    reply(heard[0]!, answer);
    expect(sent).toEqual([`${SECOND} > ${PEER}:7 2`, `${SECOND} > ${PEER}:7 2`]);
  });

  it('leaves by the system’s choice where that address has gone meanwhile', async () => {
    const { sockets, reply, at, sent, heard, machine, change } = await machineWith(FIRST, SECOND);
    at(SECOND)!.receive(data, PEER, 7);
    sockets.authenticated(sockets.packetPath(heard[0]!));
    machine.addresses = [onEth0(FIRST)];
    await change();
    sockets.send(heard[0]!, answer);
    reply(heard[0]!, answer);
    expect(sent).toEqual([`0.0.0.0 > ${PEER}:7 2`, `0.0.0.0 > ${PEER}:7 2`]);
  });
});

describe('what is sent to a peer', () => {
  it('leaves by the system’s choice until it is heard, then from where its data came in last', async () => {
    const { sockets, at, sent, heard, pathTo } = await machineWith(FIRST, SECOND);
    sockets.send(pathTo(PEER), data);
    at(SECOND)!.receive(data, PEER, 7);
    sockets.authenticated(sockets.packetPath(heard[0]!));
    sockets.send(pathTo(PEER), data);
    // By another NAT mapping it is another path.
    sockets.send(pathTo(PEER, 8), data);
    at(FIRST)!.receive(data, PEER, 7);
    sockets.authenticated(sockets.packetPath(heard[1]!));
    // An older path object says nothing of where it was heard since.
    sockets.send(heard[0]!, data);
    expect(sent.map((line) => line.split(' ', 1)[0])).toEqual(['0.0.0.0', SECOND, '0.0.0.0', FIRST]);
    // To the engine they are one path.
    expect(samePath(heard[0]!, heard[1]!)).toBe(true);
  });

  it('is moved by nothing that a stranger sends from its address', async () => {
    const { sockets, at, sent, heard, pathTo } = await machineWith(FIRST, SECOND);
    at(FIRST)!.receive(data, PEER, 7);
    sockets.authenticated(sockets.packetPath(heard[0]!));
    at(SECOND)!.receive(data, PEER, 7);
    at(SECOND)!.receive(stun, PEER, 7);
    sockets.send(pathTo(PEER), data);
    expect(sent).toEqual([`${FIRST} > ${PEER}:7 4`]);
  });

  it('follows checks that were answered, but not against data of the last ten seconds', async () => {
    const { sockets, at, sent, heard, pathTo, clock } = await machineWith(FIRST, SECOND);
    sockets.onDatagram(({ path }) => {
      sockets.send(path, answer);
      return true;
    });
    at(FIRST)!.receive(stun, PEER, 7);
    sockets.send(pathTo(PEER), data);
    at(SECOND)!.receive(data, PEER, 7);
    sockets.authenticated(sockets.packetPath(heard[0]!));
    at(FIRST)!.receive(stun, PEER, 7);
    sockets.send(pathTo(PEER), data);
    await clock.advance(11_000);
    at(FIRST)!.receive(stun, PEER, 7);
    sockets.send(pathTo(PEER), data);
    const sources = sent.filter((line) => line.endsWith(' 4')).map((line) => line.split(' ', 1)[0]);
    expect(sources).toEqual([FIRST, SECOND, FIRST]);
  });

  it('leaves by the system’s choice again when its data came in at an address without a socket', async () => {
    const { sockets, at, sent, heard, pathTo } = await machineWith(FIRST, SECOND);
    at(FIRST)!.receive(data, PEER, 7);
    at('0.0.0.0')!.receive(data, PEER, 7);
    for (const path of heard) sockets.authenticated(sockets.packetPath(path));
    sockets.send(pathTo(PEER), data);
    expect(sent).toEqual([`0.0.0.0 > ${PEER}:7 4`]);
  });

  it('keeps its address while other routes change, and not when its own way leads over another interface', async () => {
    const { sockets, reply, at, sent, heard, pathTo, machine, change } = await machineWith(FIRST);
    machine.addresses = [on(FIRST, 'eth0'), on(SECOND, 'eth1')];
    machine.routes = new Map([
      [FIRST, 0],
      [SECOND, 1],
    ]);
    await change();
    const calls = () => {
      at(SECOND)!.receive(data, PEER, 7);
      sockets.authenticated(sockets.packetPath(heard.at(-1)!));
      sockets.send(pathTo(PEER), data);
    };
    calls();
    machine.routes.set(FIRST, 1);
    await change();
    sockets.send(pathTo(PEER), data);
    machine.routes.set(SECOND, 0);
    await change();
    sockets.send(pathTo(PEER), data);
    // It is reached there, but what it answers from there goes astray.
    const asked = machine.routesAsked;
    for (let i = 0; i < 3; i++) calls();
    reply(heard.at(-1)!, data);
    expect(machine.routesAsked).toBe(asked);
    machine.routes.set(SECOND, 1);
    await change();
    calls();
    expect(sent.map((line) => line.split(' ', 1)[0])).toEqual([SECOND, SECOND, ...Array(5).fill('0.0.0.0'), SECOND]);
  });

  it('leaves from the address that was asked where the only way is over another interface', async () => {
    const { sockets, at, sent, heard, pathTo, machine, change } = await machineWith(FIRST);
    machine.addresses = [on(FIRST, 'eth0'), on(SECOND, 'eth1')];
    machine.routes = new Map([[SECOND, 0]]);
    await change();
    at(SECOND)!.receive(data, PEER, 7);
    sockets.authenticated(sockets.packetPath(heard[0]!));
    sockets.send(pathTo(PEER), data);
    expect(sent).toEqual([`${SECOND} > ${PEER}:7 4`]);
  });

  describe('has been answered at an address', () => {
    async function answeredAtSecond() {
      const scene = await machineWith(FIRST);
      const { machine, change, sockets, at, heard, pathTo, sent } = scene;
      machine.addresses = [on(FIRST, 'eth0'), on(SECOND, 'eth1')];
      // All leaves by the second uplink, as it came.
      machine.routes = new Map([
        [FIRST, 1],
        [SECOND, 1],
      ]);
      await change();
      at(SECOND)!.receive(data, PEER, 7);
      sockets.confirmed(heard[0]!);
      const comesInAtFirst = () => {
        at(FIRST)!.receive(stun, PEER, 7);
        at(FIRST)!.receive(data, PEER, 7);
        sockets.authenticated(sockets.packetPath(heard.at(-1)!));
        sent.length = 0;
        sockets.send(pathTo(PEER), data);
        return sent[0]?.split(' ', 1)[0];
      };
      sockets.onDatagram(({ path }) => {
        sockets.send(path, answer);
        return true;
      });
      return { ...scene, comesInAtFirst };
    }

    it('leaves from there, whatever comes in at another whose answers do not leave by its own uplink', async () => {
      const { comesInAtFirst, machine } = await answeredAtSecond();
      expect(comesInAtFirst()).toBe(SECOND);
      const asked = machine.routesAsked;
      for (let i = 0; i < 10; i++) expect(comesInAtFirst()).toBe(SECOND);
      expect(machine.routesAsked).toBe(asked);
    });

    it('follows its data where the other has its own way out', async () => {
      const { comesInAtFirst, machine, change } = await answeredAtSecond();
      machine.routes.set(FIRST, 0);
      await change();
      expect(comesInAtFirst()).toBe(FIRST);
    });

    it('follows its data when that was long ago', async () => {
      const { comesInAtFirst, clock } = await answeredAtSecond();
      await clock.advance(11_000);
      expect(comesInAtFirst()).toBe(FIRST);
    });
  });

  it('asks for no route per packet', async () => {
    const { sockets, at, heard, pathTo, machine } = await machineWith(FIRST, SECOND);
    for (let i = 0; i < 100; i++) {
      at(SECOND)!.receive(data, PEER, 7);
      sockets.authenticated(sockets.packetPath(heard[i]!));
      sockets.send(pathTo(PEER), data);
    }
    expect(machine.routesAsked).toBe(1);
  });

  it('remembers a bounded number of remote addresses', async () => {
    const { sockets, at, sent, heard, pathTo } = await machineWith(FIRST, SECOND);
    for (let port = 1; port <= 5000; port++) {
      at(SECOND)!.receive(data, PEER, port);
      sockets.authenticated(sockets.packetPath(heard[port - 1]!));
    }
    for (const port of [1, 5000]) sockets.send(pathTo(PEER, port), data);
    expect(sent.map((line) => line.split(' ', 1)[0])).toEqual(['0.0.0.0', SECOND]);
  });
});

it('more addresses than sockets are a problem that status tells', async () => {
  const { sockets } = await machineWith(...Array.from({ length: 70 }, (_, i) => `192.0.2.${i + 1}`));
  expect(sockets.problems()).toEqual([expect.stringContaining('70 IPv4 addresses')]);
});
