import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RelayWorld, type ServerPlan } from './relay-world.js';

const udp = (rttMs?: number): ServerPlan => ({ name: 'udp', group: 'one', rttMs });
const tcp = (rttMs?: number): ServerPlan => ({ name: 'tcp', group: 'one', transport: 'tcp', rttMs });
const tls = (rttMs?: number): ServerPlan => ({ name: 'tls', group: 'one', transport: 'tls', rttMs });
const at = (name: string, rttMs?: number): ServerPlan => ({ name, rttMs });
const allocated = (world: RelayWorld) => [...world.standing.keys()].sort();

describe('of a machine that is reached in several ways', () => {
  it.each<[string, ServerPlan[], string[]]>([
    ['UDP is allocated on as it answers', [udp(20), tcp(40), tls(60)], ['20 allocate udp']],
    ['UDP that answers a little later is waited for', [udp(60), tcp(40), tls(60)], ['60 allocate udp']],
    ['a stream is used at once after that', [udp(), tcp(40), tls(60)], ['90 allocate tcp']],
    ['TLS is used where it alone answers', [udp(), tcp(), tls(60)], ['110 allocate tls']],
    [
      'UDP that answers too late takes the place of the stream',
      [udp(300), tcp(40)],
      ['90 allocate tcp', '300 allocate udp'],
    ],
    ['none is used where none answers', [udp(), tcp(), tls()], []],
  ])('%s', (_what, plans, expected) => {
    expect(new RelayWorld(plans).pass(4000).take(/allocate/)).toEqual(expected);
  });

  it('another is tried where one refuses', () => {
    const world = new RelayWorld([{ ...udp(20), refuses: true }, tcp(30)]).pass(1000);
    expect(world.take(/allocate/)).toEqual(['20 allocate udp', '40 allocate tcp']);
  });

  it('UDP that comes back takes the place of a stream, which lives until nothing uses it', () => {
    const world = new RelayWorld([udp(), tcp(40)]).pass(20_000);
    expect(world.take(/probe udp/)).toEqual([0, 5000, 10_000, 15_000, 20_000].map((ms) => `${ms} probe udp`));
    const stream = world.standing.get('tcp') ?? '';
    world.used.add(stream);
    world.plan('udp').rttMs = 20;
    world.pass(10_000);
    const [back = ''] = world.take(/allocate/);
    expect(Number.parseInt(back, 10)).toBeLessThanOrEqual(30_020);
    expect(world.allocations.bases()).toContainEqual({ id: stream, family: 4, kind: 'allocation', isRetiring: true });
    expect(world.allocations.candidates().get('relay')).toHaveLength(1);
    expect(allocated(world)).toEqual(['tcp', 'udp']);
    world.used.delete(stream);
    world.pass(3000);
    expect(allocated(world)).toEqual(['udp']);
  });

  it('a stream takes over within half a second where UDP falls silent, and UDP again when it answers', () => {
    const world = new RelayWorld([udp(20), tcp(40)]).pass(10_000);
    world.plan('udp').rttMs = undefined;
    world.take();
    world.suspect();
    world.pass(500);
    expect(world.take(/allocate/)).toEqual(['10340 allocate tcp']);
    expect(allocated(world)).toEqual(['tcp', 'udp']);
    world.plan('udp').rttMs = 20;
    world.pass(20_000);
    expect(allocated(world)).toEqual(['udp']);
  });

  it('a suspicion that is answered changes nothing', () => {
    const world = new RelayWorld([udp(20), tcp(40)]).pass(10_000);
    world.take();
    world.suspect();
    expect(world.pass(10_000).take()).toEqual(['10000 probe udp']);
  });
});

describe('of several machines', () => {
  it('the nearest has an allocation, and another is ready; the rest are measured', () => {
    const world = new RelayWorld([at('far', 200), at('near', 20), at('middle', 50), at('dead')]).pass(10_000);
    expect(world.take(/allocate/)).toEqual(['20 allocate near', '1040 allocate middle']);
    expect(world.states()).toEqual({ far: 'measured', near: 'up', middle: 'ready', dead: 'down' });
  });

  it('one alone is allocated on without being asked first', () => {
    const world = new RelayWorld([at('alone', 30)]);
    expect(world.take()).toEqual(['0 allocate alone']);
  });

  it('another takes the place of one that is lost, which is used again only where it is nearer', () => {
    const world = new RelayWorld([at('a', 20), at('b', 25), at('c', 30)]).pass(10_000);
    expect(allocated(world)).toEqual(['a', 'b']);
    world.plan('a').rttMs = undefined;
    world.lose('a');
    world.pass(5000);
    expect(allocated(world)).toEqual(['b', 'c']);
    world.plan('a').rttMs = 20;
    world.pass(600_000);
    expect(allocated(world)).toEqual(['b', 'c']);
    world.plan('a').rttMs = 5;
    world.pass(600_000);
    expect(allocated(world)).toEqual(['a', 'b']);
  });

  it('one that became nearer takes its place after two minutes, and what is used stays beside it', () => {
    const world = new RelayWorld([at('a', 100), at('b', 110), at('c', 150)]).pass(10_000);
    const used = world.standing.get('b') ?? '';
    world.used.add(used);
    world.plan('c').rttMs = 20;
    world.take();
    world.pass(110_000);
    expect(world.take(/allocate/)).toEqual([]);
    world.pass(500_000);
    expect(allocated(world)).toEqual(['a', 'b', 'c']);
    world.used.clear();
    world.pass(60_000);
    expect(allocated(world)).toEqual(['a', 'c']);
  });

  it('one that refuses is left for another, and asked less and less', () => {
    const world = new RelayWorld([{ ...at('full', 10), refuses: true }, at('free', 50)]).pass(120_000);
    expect(allocated(world)).toEqual(['free']);
    expect(world.take(/allocate full/).length).toBeLessThan(10);
  });
});

describe('whatever answers', () => {
  const plan = fc.record({
    group: fc.constantFrom('one', 'two', 'three'),
    transport: fc.constantFrom('udp', 'tcp', 'tls'),
    rttMs: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
    refuses: fc.boolean(),
  });
  const servers = fc
    .uniqueArray(plan, { selector: ({ group, transport }) => `${group} ${transport}`, minLength: 2, maxLength: 7 })
    .map((plans) => plans.map((one) => ({ ...one, name: `${one.group} ${one.transport}` })));
  const changes = fc.array(
    fc.record({
      index: fc.nat(6),
      rttMs: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
      lost: fc.boolean(),
    }),
    { maxLength: 6 },
  );

  it('two machines that allocate are held in the end, each over the cheapest transport that works, and nothing flaps', () => {
    fc.assert(
      fc.property(servers, changes, (plans, happenings) => {
        const world = new RelayWorld(plans).pass(5000);
        for (const { index, rttMs, lost } of happenings) {
          const one = plans[index % plans.length];
          if (one === undefined) continue;
          world.plan(one.name).rttMs = rttMs;
          if (lost && world.standing.has(one.name)) world.lose(one.name);
          else world.suspect();
          world.pass(3000);
          expect(world.standing.size).toBeLessThanOrEqual(2 * 3);
        }
        world.pass(900_000);
        const working = (group: string) =>
          ['udp', 'tcp', 'tls'].find((transport) => {
            const found = world.servers.find(({ plan: { name } }) => name === `${group} ${transport}`)?.plan;
            return found?.rttMs !== undefined && found.refuses !== true;
          });
        const machines = ['one', 'two', 'three'].flatMap((group) => {
          const transport = working(group);
          return transport === undefined ? [] : [`${group} ${transport}`];
        });
        const held = allocated(world);
        expect(held.length).toBe(Math.min(2, machines.length));
        for (const name of held) expect(machines).toContain(name);
        world.take();
        world.pass(600_000);
        const wanted = world
          .take(/allocate|close/)
          .filter((line) => world.plan(line.split(' ').slice(2).join(' ')).refuses !== true);
        expect(wanted).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
