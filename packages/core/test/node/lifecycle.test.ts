import { describe, expect, it } from 'vitest';
import { CodedError } from '../../src/base/errors/coded-error.js';
import { Lifecycle, type NamedService } from '../../src/node/lifecycle.js';
import { memoryLogger } from '../../src/base/logging/memory-logger.js';
import { FakeClock } from '../../src/base/time/fake-clock.js';

type Start = (options: { signal: AbortSignal }) => Promise<void>;

function setUp() {
  const clock = new FakeClock();
  const logger = memoryLogger();
  const events: string[] = [];
  const part = (
    name: string,
    start: Start = async () => undefined,
    stop: () => Promise<void> = async () => undefined,
  ): NamedService => ({
    name,
    service: {
      start: (options) => (events.push(`start ${name}`), start(options)),
      stop: () => (events.push(`stop ${name}`), stop()),
    },
  });
  const lifecycle = (...services: NamedService[]) => new Lifecycle(services, { clock, logger });
  return { clock, logger, events, part, lifecycle };
}

const never = () => new Promise<void>(() => undefined);
const signal = () => new AbortController().signal;
/** A rejection as a value, so that time can be moved on meanwhile. */
const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error as CodedError,
  );

describe('Lifecycle', () => {
  it('starts in order and stops in reverse, leaving no timer', async () => {
    const { clock, events, part, lifecycle } = setUp();
    const node = lifecycle(part('a'), part('b'), part('c'));
    await node.start({ signal: signal() });
    await node.stop();
    expect(events).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits for one before it starts the next', async () => {
    const { events, part, lifecycle } = setUp();
    let release = () => undefined as void;
    const node = lifecycle(
      part('a', () => new Promise((resolve) => (release = resolve))),
      part('b'),
    );
    const starting = node.start({ signal: signal() });
    await new Promise(setImmediate);
    expect(events).toEqual(['start a']);
    release();
    await starting;
    expect(events).toEqual(['start a', 'start b']);
  });

  it('stops what was started when one fails, and throws its error with its name and cause', async () => {
    const { events, part, lifecycle } = setUp();
    const cause = new Error('boom');
    const node = lifecycle(
      part('a'),
      part('b', () => Promise.reject(cause)),
      part('c'),
    );
    const error = await outcome(node.start({ signal: signal() }));
    expect(error).toMatchObject({ code: 'START_FAILED', message: 'b: start: boom', cause });
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('names a plugin’s failure so, and keeps a code and its advice', async () => {
    const { part, lifecycle } = setUp();
    const failing = (error: Error) => ({ ...part('@x/y', () => Promise.reject(error)), plugin: true });
    expect(await outcome(lifecycle(failing(new Error('boom'))).start({ signal: signal() }))).toMatchObject({
      code: 'PLUGIN_FAILED',
      plugin: '@x/y',
    });
    const denied = new CodedError('PERMISSION_DENIED', 'no TUN', { advice: 'run as root' });
    expect(await outcome(lifecycle(failing(denied)).start({ signal: signal() }))).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: '@x/y: start: no TUN',
      advice: 'run as root',
      cause: denied,
    });
  });

  it('names what hangs after 10 s, and gives up after 30', async () => {
    const { clock, logger, events, part, lifecycle } = setUp();
    const starting = outcome(lifecycle(part('a'), part('slow', never)).start({ signal: signal() }));
    await clock.advance(10_000);
    expect(logger.lines).toMatchObject([{ level: 'warn', message: 'slow has not started after 10 s' }]);
    await clock.advance(20_000);
    expect(await starting).toMatchObject({ code: 'TIMEOUT', message: 'slow: start: not done after 30 s' });
    expect(events.slice(-2)).toEqual(['stop slow', 'stop a']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('goes on when a stop hangs or fails, and says so', async () => {
    const { clock, logger, events, part, lifecycle } = setUp();
    const node = lifecycle(
      part('a'),
      part('bad', undefined, () => Promise.reject(new Error('boom'))),
      part('hung', undefined, never),
    );
    await node.start({ signal: signal() });
    const stopping = node.stop();
    await clock.advance(5000);
    await stopping;
    expect(events.slice(3)).toEqual(['stop hung', 'stop bad', 'stop a']);
    expect(logger.lines.map((line) => line.message)).toEqual(['hung did not stop cleanly', 'bad did not stop cleanly']);
  });

  it('can be aborted while it starts, though the part does not listen', async () => {
    const { clock, events, part, lifecycle } = setUp();
    const controller = new AbortController();
    const starting = outcome(lifecycle(part('a'), part('b', never), part('c')).start({ signal: controller.signal }));
    await clock.advance(1);
    controller.abort();
    expect(await starting).toMatchObject({ code: 'ABORTED' });
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('can be stopped before, during and after start, any number of times', async () => {
    const { events, part, lifecycle } = setUp();
    const before = lifecycle(part('a'));
    await before.stop();
    expect(await outcome(before.start({ signal: signal() }))).toMatchObject({ code: 'ABORTED' });
    expect(events).toEqual([]);

    const during = lifecycle(part('b', never), part('c'));
    const starting = outcome(during.start({ signal: signal() }));
    await new Promise(setImmediate);
    await Promise.all([during.stop(), during.stop()]);
    expect(await starting).toMatchObject({ code: 'ABORTED' });
    await during.stop();
    expect(events).toEqual(['start b', 'stop b']);
  });

  it('tells each part through its signal that start is off', async () => {
    const { part, lifecycle } = setUp();
    let seen: AbortSignal | undefined;
    const node = lifecycle(part('a', async ({ signal: given }) => void (seen = given)));
    await node.start({ signal: signal() });
    expect(seen?.aborted).toBe(false);
    await node.stop();
    expect(seen?.aborted).toBe(true);
  });
});
