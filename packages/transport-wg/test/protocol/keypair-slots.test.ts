import { describe, expect, it } from 'vitest';
import type { PacketKey } from '../../src/crypto/packet-cipher.js';
import { REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME_MS } from '../../src/protocol/constants.js';
import { Keypair } from '../../src/protocol/keypair.js';
import { Keypairs } from '../../src/protocol/keypair-slots.js';

const noKey: PacketKey = { seal: () => undefined, open: () => false, destroy: () => undefined };
const session = (role: 'initiator' | 'responder', sequence: number) =>
  new Keypair(sequence, 0, role, sequence, 0, noKey, noKey);

describe('session rotation', () => {
  function sessions(): { keypairs: Keypairs; retired: number[] } {
    const retired: number[] = [];
    return { keypairs: new Keypairs(({ sequence }) => retired.push(sequence)), retired };
  }

  it('a responder\u2019s session becomes current with the first message on it', () => {
    const { keypairs } = sessions();
    const one = session('responder', 1);
    keypairs.addAsResponder(one);
    expect(keypairs.current).toBeUndefined();
    expect(keypairs.confirm(one)).toBe(true);
    expect(keypairs.current).toBe(one);
    expect(keypairs.confirm(one)).toBe(false);
  });

  it('confirming one ends the older ones that wait, and keeps the newer', () => {
    const { keypairs, retired } = sessions();
    const [one, two, three] = [1, 2, 3].map((sequence) => session('responder', sequence));
    for (const each of [one!, two!, three!]) keypairs.addAsResponder(each);
    keypairs.confirm(two!);
    expect(retired).toEqual([1]);
    expect(keypairs.confirm(three!)).toBe(true);
    expect(keypairs.current).toBe(three);
  });

  it('a bounded number waits, and a bounded number is still received on', () => {
    const { keypairs, retired } = sessions();
    for (let i = 0; i < 10; i++) keypairs.addAsResponder(session('responder', i));
    expect(retired).toEqual([0, 1, 2, 3, 4, 5]);
    for (let i = 10; i < 20; i++) keypairs.establishAsInitiator(session('initiator', i), true);
    expect(keypairs.current?.sequence).toBe(19);
    expect(20 - retired.length).toBe(4);
    keypairs.clear();
    expect([...retired].sort((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it.each([
    { crossing: true, ownsTie: true, switches: false },
    { crossing: true, ownsTie: false, switches: true },
    { crossing: false, ownsTie: true, switches: false },
    { crossing: false, ownsTie: false, switches: false },
  ])('an unused session: crossing $crossing, greater key $ownsTie: still switched to is $switches', (row) => {
    const { keypairs, retired } = sessions();
    const theirs = session('responder', row.crossing ? 2 : 0);
    keypairs.addAsResponder(theirs);
    keypairs.establishAsInitiator(session('initiator', 1), row.ownsTie);
    expect(keypairs.confirm(theirs)).toBe(row.switches);
    expect(keypairs.current).toMatchObject({ sequence: row.switches ? 2 : 1 });
    expect(retired).toEqual([]);
  });
});

describe('a session\u2019s end', () => {
  it.each([
    { counter: 0n, ageMs: 0, usable: true, rekey: false },
    { counter: 0n, ageMs: REJECT_AFTER_TIME_MS - 1, usable: true, rekey: false },
    { counter: 0n, ageMs: REJECT_AFTER_TIME_MS, usable: false, rekey: false },
    { counter: 2n ** 60n - 1n, ageMs: 0, usable: true, rekey: false },
    { counter: 2n ** 60n, ageMs: 0, usable: true, rekey: true },
    { counter: REJECT_AFTER_MESSAGES - 1n, ageMs: 0, usable: true, rekey: true },
    { counter: REJECT_AFTER_MESSAGES, ageMs: 0, usable: false, rekey: true },
  ])('counter $counter, age $ageMs ms: usable $usable, rekey $rekey', ({ counter, ageMs, usable, rekey }) => {
    const keypair = session('initiator', 0);
    keypair.sendCounterHigh = Number(counter >> 32n);
    keypair.sendCounterLow = Number(counter & 0xffff_ffffn);
    expect(keypair.isUsable(ageMs)).toBe(usable);
    expect(keypair.needsRekeyByCount()).toBe(rekey);
  });

  it('the counter carries over from the low half', () => {
    const keypair = session('initiator', 0);
    keypair.sendCounterLow = 0xffff_ffff;
    keypair.advanceSendCounter();
    expect([keypair.sendCounterHigh, keypair.sendCounterLow]).toEqual([1, 0]);
  });
});
