import { EdgeGuard, FakeClock, memoryLogger } from '@wirepath/core';
import type { Relay, Signaling, Transport } from '@wirepath/core/plugin';
import { describe, expect, it } from 'vitest';
import { guardedRole } from '../../../src/base/guard/guarded-role.js';
import { DATAGRAMS_METHODS, ROLE_METHODS, roleFaults } from '../../../src/assembly/plugins/role-methods.js';
import { idleTransport } from '../../assembly/product/sample-product.js';

const nothing = (): Disposable => ({ [Symbol.dispose]: () => undefined });
const broken = (): never => {
  throw new Error('boom');
};

const signaling = (more: object = {}): Signaling => ({
  start: async () => undefined,
  stop: async () => undefined,
  publish: () => undefined,
  onMessage: nothing,
  states: () => [],
  onStateChange: nothing,
  ...more,
});

function guarded(more: object) {
  const guard = EdgeGuard.create('test', { clock: new FakeClock(), logger: memoryLogger() });
  return { guard, role: guardedRole(signaling(more), ROLE_METHODS.signaling, guard.for('@acme/signal')) };
}

describe('a guarded role', () => {
  it.each<[string, object, (role: Signaling) => unknown, unknown]>([
    ['publish throws', { publish: broken }, (role) => role.publish('k', new Uint8Array()), undefined],
    ['nudge throws', { nudge: broken }, (role) => role.nudge?.(), undefined],
    ['states throws', { states: broken }, (role) => role.states(), []],
    ['states returns no list', { states: () => 'up' }, (role) => role.states(), []],
    [
      'publish returns a promise that rejects',
      { publish: async () => broken() },
      (role) => role.publish('k', new Uint8Array()),
      undefined,
    ],
  ])('%s: counted under the plugin and method, and nothing is thrown', async (_name, more, call, result) => {
    const { guard, role } = guarded(more);
    expect(call(role)).toEqual(result);
    await Promise.resolve();
    const method = Object.keys(more)[0] ?? '';
    expect(guard.counters()).toEqual({ [`failed.@acme/signal: ${method}`]: 1 });
  });

  it('guards our listener against what the plugin tells it', () => {
    let tell: (message: unknown) => void = () => undefined;
    const { guard, role } = guarded({ onMessage: (listener: typeof tell) => ((tell = listener), nothing()) });
    role.onMessage(({ sealed }) => void sealed.length);
    tell({ from: 'x' });
    tell(undefined);
    expect(guard.counters()).toEqual({ 'failed.@acme/signal: listener of onMessage': 2 });
  });

  it.each([
    ['nothing', () => undefined],
    ['a function', () => () => undefined],
    ['an exception', broken],
  ])('a subscription that gives %s is a failure, and disposing it is none', (_what, onStateChange) => {
    const { guard, role } = guarded({ onStateChange });
    role.onStateChange(() => undefined)[Symbol.dispose]();
    expect(Object.keys(guard.counters())).toEqual(['failed.@acme/signal: onStateChange']);
  });

  it('survives a dispose that throws', () => {
    const { guard, role } = guarded({ onMessage: () => ({ [Symbol.dispose]: broken }) });
    role.onMessage(() => undefined)[Symbol.dispose]();
    expect(guard.counters()).toEqual({ 'failed.@acme/signal: unsubscribing from onMessage': 1 });
  });

  it('makes a task that throws at once a rejection, which its caller sees', async () => {
    const { guard, role } = guarded({ start: broken });
    await expect(role.start({ signal: new AbortController().signal })).rejects.toThrow('boom');
    expect(guard.counters()).toEqual({});
  });

  it('leaves private fields, optional methods and frozen objects alone', () => {
    class Own {
      readonly #count = 3;
      get count() {
        return this.#count;
      }
      states() {
        return [this.#count];
      }
    }
    const { guard } = guarded({});
    const role = guardedRole(Object.freeze(new Own()), ROLE_METHODS.signaling, guard) as Own & Partial<Signaling>;
    expect(role.count).toBe(3);
    expect(role.states()).toEqual([3]);
    expect(role.nudge?.()).toBeUndefined();
  });

  it('guards the sockets of a transport, which are one and the same object each time', () => {
    const { guard } = guarded({});
    const datagrams = {
      bases: [],
      openBase: broken,
      closeBase: broken,
      send: broken,
      onDatagram: nothing,
      receive: broken,
    };
    const transport: Transport = { ...idleTransport(), datagrams };
    const role = guardedRole(transport, ROLE_METHODS.transport, guard, { datagrams: DATAGRAMS_METHODS });
    role.datagrams?.send({} as never, new Uint8Array());
    expect(guard.counters()).toEqual({ 'failed.test: send': 1 });
    expect(role.datagrams).toBe(role.datagrams);
  });

  it('refuses an allocation that is none, and guards one that is', async () => {
    const { guard } = guarded({});
    const allocation = { permit: broken, release: broken, refresh: broken, onLost: nothing, close: broken, id: 'a' };
    const relay = (given: unknown) =>
      guardedRole({ servers: [], allocate: async () => given } as unknown as Relay, ROLE_METHODS.relay, guard);
    const allocate = (given: unknown) => relay(given).allocate({ url: 'x', transport: 'udp' }, {} as never);
    await expect(allocate(undefined)).rejects.toThrow('where an object should be');
    await expect(allocate({ ...allocation, close: undefined })).rejects.toThrow('no method `close`');
    const { id, release } = await allocate(allocation);
    expect(id).toBe('a');
    release({} as never);
    expect(guard.counters()).toEqual({ 'failed.test: release': 1 });
  });
});

describe('the methods of a role', () => {
  it.each<[string, unknown, string[]]>([
    ['all there', signaling(), []],
    ['one missing', signaling({ onMessage: undefined }), ['no method `onMessage`']],
    ['one that is no method', signaling({ nudge: 1 }), ['`nudge` that is no method']],
    ['no object', null, ['null where an object should be']],
    ['a text', 'up', ['a string where an object should be']],
    ['a getter that throws', Object.defineProperty(signaling(), 'publish', { get: broken }), ['no method `publish`']],
  ])('%s', (_name, contribution, faults) => expect(roleFaults('signaling', contribution)).toEqual(faults));

  it('a relay has its servers, and a transport its capabilities', () => {
    expect(roleFaults('relay', { allocate: broken })).toEqual(['no list `servers`']);
    expect(roleFaults('transport', { ...idleTransport(), capabilities: 1 })).toEqual(['no object `capabilities`']);
  });
});

describe('what a guarded role is asked', () => {
  it('reaches it, where the answer is a list too', () => {
    const guard = EdgeGuard.create('test', { clock: new FakeClock(), logger: memoryLogger() });
    const asked: unknown[] = [];
    const transport = { ...idleTransport(), stats: (publicKey?: string) => (asked.push(publicKey), []) };
    const role = guardedRole<Transport>(transport, ROLE_METHODS.transport, guard.for('@acme/transport'));
    role.stats('a key');
    role.stats();
    expect(asked).toEqual(['a key', undefined]);
  });
});
