import { describe, expect, it } from 'vitest';
import { REJECT_AFTER_TIME_MS } from '../../src/protocol/constants.js';
import { connectedPair } from './link.js';

const INITIATION = 1;
const DATA = 4;

/** Both clocks went on by hours, and nothing ran meanwhile: timers are late, and not due one after the other. */
describe('a session after a suspend', () => {
  it.each([
    ['timers fire first', true],
    ['a packet comes first', false],
  ] as const)('is not used any more, whichever comes first: %s', (_what, timersFirst) => {
    const { network, a, b } = connectedPair();
    a.say(b, 'before');
    network.run(100);
    expect(b.heard()).toContain('before');
    // Suspended: the network's time moves without anybody's timers.
    network.now += REJECT_AFTER_TIME_MS + 3 * 3_600_000;
    const since = network.now;
    if (timersFirst) a.device.handleTimeout(network.now);
    a.say(b, 'after');
    const first = network.log.filter(
      ({ at, from, datagram }) => at >= since && from === a.name && datagram[0] === DATA,
    );
    expect(first).toEqual([]);
    expect(network.log.filter(({ at, datagram }) => at >= since && datagram[0] === INITIATION)).toHaveLength(1);
    network.run(100);
    // With a session of its own.
    expect(b.heard().filter((text) => text === 'after')).toHaveLength(1);
    expect(a.handshakes.length).toBeGreaterThan(1);
  });

  it('takes no packet of the old one either', () => {
    const { network, a, b } = connectedPair();
    network.policy = (datagram) => (datagram[0] === DATA ? [REJECT_AFTER_TIME_MS + 3_600_000] : [10]);
    a.say(b, 'recorded');
    network.now += REJECT_AFTER_TIME_MS + 3_600_000;
    network.run(100);
    expect(b.heard()).not.toContain('recorded');
  });
});
