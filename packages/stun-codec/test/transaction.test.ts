import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StunTransaction, type StunTransactionOptions } from '@wirepath/stun-codec';

/** Runs the schedule as an owner with a perfect timer would: when the request goes out, and when it is given up. */
function run(options: StunTransactionOptions): { sentAt: number[]; failedAt: number } {
  const transaction = new StunTransaction(options);
  const sentAt = [options.now];
  for (;;) {
    const now = transaction.nextTimeout();
    const verdict = transaction.handleTimeout(now);
    if (verdict === 'failed') return { sentAt, failedAt: now };
    expect(verdict).toBe('retransmit');
    sentAt.push(now);
    expect(transaction.attempts).toBe(sentAt.length);
  }
}

describe('StunTransaction', () => {
  it.each<[string, StunTransactionOptions, number[], number]>([
    ['the example of RFC 8489, section 6.2.1', { now: 0 }, [0, 500, 1500, 3500, 7500, 15500, 31500], 39500],
    ['a shorter RTO', { now: 1000, rtoMs: 100 }, [1000, 1100, 1300, 1700, 2500, 4100, 7300], 8900],
    ['fewer attempts', { now: 0, maxAttempts: 3, finalWaitFactor: 4 }, [0, 500, 1500], 3500],
    ['TCP: once, then Ti', { now: 0, maxAttempts: 1, finalWaitFactor: 79 }, [0], 39500],
  ])('%s', (_, options, sentAt, failedAt) => expect(run(options)).toEqual({ sentAt, failedAt }));

  it('waits when asked too early', () => {
    const transaction = new StunTransaction({ now: 0 });
    expect(transaction.handleTimeout(499)).toBe('wait');
    expect(transaction.nextTimeout()).toBe(500);
    expect(transaction.attempts).toBe(1);
  });

  it('makes no burst after a long sleep of the process', () => {
    const transaction = new StunTransaction({ now: 0 });
    expect(transaction.handleTimeout(1_000_000)).toBe('retransmit');
    expect(transaction.handleTimeout(1_000_000)).toBe('wait');
    expect(transaction.nextTimeout()).toBe(1_001_000);
  });

  it('stays failed', () => {
    const transaction = new StunTransaction({ now: 0, maxAttempts: 1 });
    expect(transaction.handleTimeout(8000)).toBe('failed');
    expect(transaction.nextTimeout()).toBe(Infinity);
    expect(transaction.handleTimeout(9000)).toBe('failed');
  });

  it('never sends more often than it may, however late it is called', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(fc.nat(5000), { maxLength: 200 }), (maxAttempts, steps) => {
        const transaction = new StunTransaction({ now: 0, maxAttempts });
        let now = 0;
        let sent = 1;
        for (const step of steps) if (transaction.handleTimeout((now += step)) === 'retransmit') sent++;
        expect(sent).toBeLessThanOrEqual(maxAttempts);
        expect(sent).toBe(transaction.attempts);
      }),
    );
  });

  it.each<Partial<StunTransactionOptions>>([
    { rtoMs: 0 },
    { rtoMs: NaN },
    { maxAttempts: 0 },
    { maxAttempts: 1.5 },
    { finalWaitFactor: 0 },
  ])('refuses %j', (options) => expect(() => new StunTransaction({ now: 0, ...options })).toThrow(RangeError));
});
