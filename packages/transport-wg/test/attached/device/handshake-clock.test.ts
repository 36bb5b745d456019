import { describe, expect, it } from 'vitest';
import { isNewHandshake, lastHandshakeUnixMs } from '../../../src/attached/device/handshake-clock.js';
import type { UapiPeerState } from '../../../src/uapi/device.js';

const at = (seconds: number, nanoseconds = 0): UapiPeerState => ({
  publicKey: '',
  rxBytes: 0,
  txBytes: 0,
  keepaliveSeconds: 0,
  allowedIps: [],
  lastHandshake: { seconds, nanoseconds },
});
const NOW = 1_795_337_380_000;

describe('the time of the last handshake', () => {
  it('counts from the epoch in the kernel and wireguard-go, from now in boringtun', () => {
    expect(lastHandshakeUnixMs(at(1_795_337_000, 188_000_000), 'epoch', NOW)).toBe(1_795_337_000_188);
    expect(lastHandshakeUnixMs(at(380), 'elapsed', NOW)).toBe(1_795_337_000_000);
    expect(lastHandshakeUnixMs({ ...at(0), lastHandshake: undefined }, 'epoch', NOW)).toBeNull();
    expect(lastHandshakeUnixMs(undefined, 'elapsed', NOW)).toBeNull();
  });

  it('tells two handshakes of the same second apart, and one from itself', () => {
    const first = lastHandshakeUnixMs(at(1_795_337_000, 1_000_000), 'epoch', NOW);
    const second = lastHandshakeUnixMs(at(1_795_337_000, 2_000_000), 'epoch', NOW);
    expect(isNewHandshake(first, second, 'epoch')).toBe(true);
    expect(isNewHandshake(first, first, 'epoch')).toBe(false);
    expect(isNewHandshake(null, first, 'epoch')).toBe(true);
    expect(isNewHandshake(first, null, 'epoch')).toBe(false);
  });

  it('is not fooled by seconds that elapse between two answers', () => {
    const answers = [0, 100, 950, 1000, 5000].map((laterMs) =>
      lastHandshakeUnixMs(at(Math.floor((30_400 + laterMs) / 1000)), 'elapsed', NOW + laterMs),
    );
    for (const answer of answers) expect(isNewHandshake(answers[0]!, answer, 'elapsed')).toBe(false);
    expect(isNewHandshake(answers[0]!, lastHandshakeUnixMs(at(1), 'elapsed', NOW + 5000), 'elapsed')).toBe(true);
  });
});
