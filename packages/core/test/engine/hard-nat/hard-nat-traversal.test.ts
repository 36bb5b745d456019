import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { EngineEffect } from '../../../src/engine/effects.js';
import { ATTEMPT_MS, EXTRA_BASES } from '../../../src/engine/hard-nat/hard-nat-attempt.js';
import { HardNatTraversal, type HardNatSituation } from '../../../src/engine/hard-nat/hard-nat-traversal.js';
import { Checklist } from '../../../src/engine/pairs/checklist.js';
import { HardNatTurn, type World } from '../../../src/engine/world.js';
import { seededRandom } from '../two-engines.js';

const REMOTE = transportAddress('198.51.100.7', 40_000);
const PRIVATE = transportAddress('192.168.1.2', 51_820);
const hard = { mapping: 'address-dependent', filtering: 'endpoint-independent' } as const;
const easy = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' } as const;
const base = (id: string) => ({ id, family: 4, kind: 'socket' }) as const;

interface Ends {
  readonly ours?: typeof hard | typeof easy;
  readonly theirs?: typeof hard | typeof easy | undefined;
  readonly isOn?: boolean;
  readonly turn?: HardNatTurn;
}

/** A traversal at a moment of its own; probing has begun at 0. */
class Played {
  readonly checklist = new Checklist(10);
  readonly traversal: HardNatTraversal;
  readonly turn: HardNatTurn;
  situation: HardNatSituation;
  now = 0;

  constructor({ ours = hard, theirs = ours === hard ? easy : hard, isOn = true, turn = new HardNatTurn() }: Ends = {}) {
    this.turn = turn;
    this.checklist.setSignalled([
      { type: 'host', address: PRIVATE, priority: 2 },
      { type: 'server-reflexive', address: REMOTE, priority: 1 },
    ]);
    this.traversal = new HardNatTraversal({ peer: 'B', checklist: this.checklist, turn, random: seededRandom(1) });
    const world = {
      settings: { holePunchTimeoutMs: 15_000, maxCandidatePairs: 10, hardNat: isOn },
      local: { bases: [{ ...base('udp6'), family: 6 }, base('udp4')], candidates: [], natBehavior: ours },
    } as unknown as World;
    this.situation = {
      world,
      remoteBehavior: theirs,
      isThrough: false,
      baseInUse: undefined,
      refuse: () => undefined,
    };
    this.probe();
  }

  probe(): void {
    this.traversal.schedule(this.now, this.situation);
  }

  /** @returns what it wants until then, in short, and when. */
  until(ms: number): string[] {
    const wanted: string[] = [];
    for (let due = this.traversal.nextTimeout(); due <= ms; due = this.traversal.nextTimeout()) {
      this.now = Math.max(this.now, due);
      const { effects, guesses } = this.traversal.handleTimeout(this.now, this.situation);
      wanted.push(...effects.map((effect) => `${this.now} ${inShort(effect)}`));
      for (const guess of guesses)
        wanted.push(`${this.now} ${guess.base.id} to ${guess.remote.address.ip} as ${guess.remote.type}`);
    }
    this.now = ms;
    return wanted;
  }

  /** As often as an agent is due for whatever reason. */
  look(): string[] {
    return this.traversal.handleTimeout(this.now, this.situation).effects.map(inShort);
  }

  /** The system has opened sockets of these names. */
  opened(...ids: string[]): string[] {
    return this.traversal.basesOpened(ids.map(base), this.now).map(inShort);
  }

  /** Something came in from the peer on a base. */
  heard(baseId: string, isChosen = false): boolean {
    const pair = this.traversal.pairFor({ baseId, remote: REMOTE }, isChosen, this.situation.baseInUse);
    pair?.heard(this.now);
    return pair !== undefined;
  }
}

function inShort(effect: EngineEffect): string {
  switch (effect.type) {
    case 'open-bases':
      return `open ${effect.count} for ${effect.peer}`;
    case 'close-bases':
      return `close ${effect.baseIds.join(' ')}`;
    default:
      return effect.type;
  }
}

const OPENS = `1000 open ${EXTRA_BASES} for B`;

describe('an attempt at a NAT that maps per destination', () => {
  it('opens many sockets where ours does, a second after probing began, and sends from each to the peer', () => {
    const played = new Played();
    expect(played.until(999)).toEqual([]);
    expect(played.until(1000)).toEqual([OPENS]);
    expect(played.opened('x', 'y')).toEqual([]);
    expect(played.traversal.progress).toBe('2 sockets opened');
    const to = `to ${REMOTE.ip} as server-reflexive`;
    expect(played.until(5000)).toEqual([`1000 x ${to}`, `1001 y ${to}`]);
  });

  it('guesses ports from the shared socket where the peer’s does', () => {
    const played = new Played({ ours: easy });
    expect(played.until(1408)).toEqual(
      ['1400', '1404', '1408'].map((at) => `${at} udp4 to ${REMOTE.ip} as peer-reflexive`),
    );
  });

  it.each<[string, Ends, (played: Played) => unknown]>([
    ['it is turned off', { isOn: false }, () => undefined],
    [
      'the peer has not said what its NAT does',
      { theirs: undefined },
      (played) => (played.situation = { ...played.situation, remoteBehavior: undefined }),
    ],
    ['ordinary checks do', { theirs: hard, ours: hard }, () => undefined],
    ['there is a path by then', {}, (played) => (played.situation = { ...played.situation, isThrough: true })],
    [
      'the peer’s address is refused',
      {},
      (played) => (played.situation = { ...played.situation, refuse: () => 'ours' }),
    ],
    ['the peer has no public address', {}, ({ checklist }) => checklist.setSignalled([])],
  ])('is not made where %s', (_where, ends, change) => {
    const played = new Played(ends);
    change(played);
    expect(played.until(60_000)).toEqual([]);
    // And keeps nobody else from making one.
    expect(played.turn.take('C')).toBe(true);
  });

  it('waits while one is made for another peer', () => {
    const turn = new HardNatTurn();
    turn.take('C');
    const played = new Played({ turn });
    expect(played.until(1000 + ATTEMPT_MS - 1)).toEqual([]);
    turn.release('C');
    expect(played.until(1000 + ATTEMPT_MS)).toEqual([`${1000 + ATTEMPT_MS} open ${EXTRA_BASES} for B`]);
    expect(turn.take('C')).toBe(false);
  });

  it('ends after 15 s, or when there is a path; only the first counts as a failure', () => {
    const played = new Played();
    played.until(1000);
    played.opened('x');
    expect(played.until(1000 + ATTEMPT_MS).at(-1)).toBe(`${1000 + ATTEMPT_MS} close x`);
    expect([played.traversal.failures, played.traversal.progress]).toEqual([1, undefined]);
    expect(played.turn.take('C')).toBe(true);

    const through = new Played();
    through.until(1000);
    through.opened('x');
    through.situation = { ...through.situation, isThrough: true };
    expect(through.until(2000)).toEqual(['1000 close x']);
    expect(through.traversal.failures).toBe(0);
  });

  it('toward an address that has never answered is made twice, and then once in ten minutes', () => {
    const played = new Played({ ours: easy });
    const attempts: number[] = [];
    for (let minute = 0; minute <= 30; minute += 1) {
      played.now = minute * 61_000;
      played.probe();
      if (played.until(played.now + 30_000).length > 0) attempts.push(minute);
    }
    expect(attempts).toEqual([0, 1, 10, 20, 30]);
  });

  it('toward one that has answered is made each time', () => {
    const played = new Played();
    played.until(1000);
    played.opened('x');
    played.heard('x');
    for (const pair of played.checklist.pinned.values()) pair.answered(played.now, 10);
    const attempts: number[] = [];
    for (let minute = 1; minute <= 5; minute += 1) {
      played.until(minute * 55_000);
      for (const pair of played.checklist.pinned.values()) pair.heard(played.now);
      played.probe();
      if (played.until(played.now + 30_000).some((line) => line.includes('open'))) attempts.push(minute);
    }
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('sockets that were opened for an attempt', () => {
  const over = () => {
    const played = new Played();
    played.until(1000);
    played.opened('used', 'heard', 'silent');
    played.until(2000);
    played.heard('used');
    played.heard('heard');
    played.situation = { ...played.situation, isThrough: true, baseInUse: 'used' };
    return played;
  };

  it('are closed when it is over, but for those on which the peer was heard', () => {
    const played = over();
    expect(played.look()).toEqual(['close silent']);
    expect([...played.checklist.pinned.values()].map(({ base: { id } }) => id)).toEqual(['used', 'heard']);
  });

  it('are closed after a minute of silence; the one that carries the traffic is not', () => {
    const played = over();
    played.look();
    expect(played.until(62_000)).toEqual(['62000 close heard']);
    expect(played.until(600_000)).toEqual([]);
    played.situation = { ...played.situation, baseInUse: undefined };
    expect(played.until(700_000).map((line) => line.split(' ').slice(1).join(' '))).toEqual(['close used']);
    expect(played.until(2_000_000)).toEqual([]);
    expect(played.checklist.pinned.size).toBe(0);
  });

  it('stay while the peer is heard on them', () => {
    const played = over();
    played.look();
    for (let second = 30; second < 300; second += 30) {
      played.until(second * 1000);
      for (const pair of played.checklist.pinned.values()) pair.heard(played.now);
    }
    expect(played.until(320_000)).toEqual([]);
  });

  it('are closed at once where it is over when they come, and with the peer', () => {
    const played = over();
    played.look();
    expect(played.opened('late')).toEqual(['close late']);
    expect(played.heard('late')).toBe(false);
    expect(played.traversal.close().map(inShort)).toEqual(['close used heard']);
    expect(played.checklist.pairs.size).toBe(0);
    expect(played.traversal.nextTimeout()).toBe(Infinity);
    expect(played.turn.take('C')).toBe(true);
  });

  it('have pairs for what comes in on them alone, known ones as they are known', () => {
    const played = over();
    expect(played.heard('udp4')).toBe(false);
    expect([...played.checklist.pinned.values()].map(({ remote }) => remote.type)).toEqual([
      'server-reflexive',
      'server-reflexive',
    ]);
    const elsewhere = transportAddress('198.51.100.7', 41_000);
    const pair = played.traversal.pairFor({ baseId: 'silent', remote: elsewhere }, false, 'used');
    expect(pair?.remote).toMatchObject({ type: 'peer-reflexive', address: elsewhere });
  });

  it('have sixteen pairs at most: the one that was silent for longest yields, and never the one in use', () => {
    const played = new Played();
    played.until(1000);
    const names = Array.from({ length: 18 }, (_, i) => `base-${i}`);
    played.opened(...names);
    played.situation = { ...played.situation, baseInUse: 'base-0' };
    const pinned = () => [...played.checklist.pinned.values()].map(({ base: { id } }) => id);
    // Heard in another order than they were made in.
    for (const name of names.slice(0, 16)) played.heard(name, true);
    for (const [i, pair] of [...played.checklist.pinned.values()].entries()) pair.heard(i === 5 ? 1000 : 2000 + i);
    played.checklist.pinned.values().next().value?.heard(500);
    played.now = 3000;
    expect(played.heard('base-16', true)).toBe(true);
    expect(pinned()).toEqual(names.slice(0, 17).filter((name) => name !== 'base-5'));
    expect(played.heard('base-17', true)).toBe(true);
    expect(pinned()).toEqual(names.filter((name) => name !== 'base-5' && name !== 'base-1'));
    // A guess of the peer's that is only heard has eight, and finds them taken.
    expect(played.heard('base-5')).toBe(false);
  });
});
