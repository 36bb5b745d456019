import { describe, expect, it } from 'vitest';
import { measureIdlePeers } from '../../src/index.js';

const KEEPALIVE_S = 25;
/** The node's own mapping is asked for at one STUN server each minute; and there is the first minute's rest. */
const OWN_PER_SECOND = 0.1;

describe('idle peers', () => {
  const measure = (peers: number) => measureIdlePeers({ peers, idleMs: 300_000, heapBytes: () => 0 });
  const [few, many] = [measure(20), measure(100)];

  it('keep their paths through a NAT that forgets after 30 s', () => {
    expect(few.connected).toBe(20);
    expect(many.connected).toBe(100);
  });

  it('cost the node one datagram each, question or answer, in a keepalive interval', () => {
    expect(many.sentPerSecond).toBeLessThanOrEqual((100 / KEEPALIVE_S) * 1.15 + OWN_PER_SECOND);
    expect(many.sentPerSecond).toBeGreaterThanOrEqual(100 / KEEPALIVE_S);
  });

  it('cost more where the NAT forgets sooner, and keep their paths', () => {
    const { connected, sentPerSecond } = measureIdlePeers({
      peers: 20,
      idleMs: 300_000,
      bindingLifetimeMs: 10_000,
      heapBytes: () => 0,
    });
    expect(connected).toBe(20);
    expect(sentPerSecond).toBeLessThanOrEqual((20 / 10) * 1.3 + OWN_PER_SECOND);
  });

  it('cost five times as much when they are five times as many', () => {
    expect(many.sentPerSecond / few.sentPerSecond).toBeLessThan(5.5);
    expect(many.timers / few.timers).toBeLessThan(5.5);
  });
});
