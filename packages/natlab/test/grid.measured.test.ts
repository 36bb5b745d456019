import { afterAll, beforeAll, expect, it } from 'vitest';
import { Grid, GRID_KINDS, HARD_NAT_MS, type GridCell, type UdpNatKind } from '../src/index.js';
import { describeInLab, report } from './lab-for-test.js';
import { undisturbed } from './undisturbed.js';

/** Far above what it takes: how long it takes is for `node bench/grid.mjs` to say, on a machine with nothing else to do. */
const ECHO_LIMIT_SECONDS = 20;
/** A path that shall stay relayed is watched beyond the time at which another would be tried. */
const WATCH_RELAYED_MS = 3000;

const pairs = GRID_KINDS.flatMap((a) => GRID_KINDS.map((b) => [a, b] as const));
const isHard = (kind: UdpNatKind) => kind === 'sym';

describeInLab('any two NATs, with STUN and a relay', () => {
  /** By pair: one that is tried again counts once, as it was at last. */
  const cellOf = new Map<string, GridCell>();
  let grid: Grid;

  beforeAll(async () => {
    grid = await Grid.open();
  });
  afterAll(async () => {
    const seconds = [...cellOf.values()].map(({ echoSeconds }) => echoSeconds).sort((x, y) => x - y);
    report('first echo', `median ${seconds[seconds.length >> 1]?.toFixed(2)} s, worst ${seconds.at(-1)?.toFixed(2)} s`);
    await grid.lab.remove();
  });

  it.for(pairs)('%s / %s are connected by the best path there is', async ([a, b], context) => {
    const watchMs = isHard(a) && isHard(b) ? WATCH_RELAYED_MS : 0;
    const connect = () => grid.connect(a, b, { explainRelayed: true, watchMs });
    const cell = await undisturbed(context, connect, isAsExpected);
    cellOf.set(`${a} / ${b}`, cell);
    const { expected, connectionA, connectionB, echoSeconds, settledSeconds, changesA, changesB, explained } = cell;
    const relayedSeconds = (settledSeconds ?? Infinity) - echoSeconds;
    const settled = settledSeconds === null ? 'never' : `after ${settledSeconds.toFixed(2)} s`;
    report(
      `${a} / ${b}`,
      `first echo after ${echoSeconds.toFixed(2)} s, ${connectionA} / ${connectionB}${expected.hardNat ? ` ${settled}` : ''}`,
    );
    const path = [changesA, changesB].map((changes) => changes.map(({ connection }) => connection));
    expect(echoSeconds).toBeLessThan(ECHO_LIMIT_SECONDS);
    if (expected.hardNat) {
      // Chance decides whether the ports meet; how often they did is judged over all such cells, below.
      if (settledSeconds === null) expect([connectionA, connectionB]).toEqual(['relayed', 'relayed']);
      for (const changes of path) expect(changes.slice(0, 2)).toEqual(['connecting', 'relayed']);
    } else {
      expect([connectionA, connectionB]).toEqual([expected.a, expected.b]);
    }
    // From a relay to a better path nothing is lost.
    expect(cell.lost).toBe(0);

    if (expected.a === 'relayed') for (const changes of path) expect(changes).toEqual(['connecting', 'relayed']);
    // Where it was relayed for a moment only, nobody could ask.
    if (expected.a === 'relayed' || (expected.hardNat && relayedSeconds > 2))
      expect(explained.length).toBeGreaterThan(0);
    for (const documents of explained) {
      expect(documents.a.summary).toMatch(trueCause(a, b));
      expect(documents.b.summary).toMatch(trueCause(b, a));
      expect(documents.a.advice).not.toEqual([]);
      expect(documents.b.advice).not.toEqual([]);
    }
  });

  it('meet behind a symmetric and a port-restricted NAT in at least nine of ten runs', () => {
    const hard = [...cellOf.values()].filter(({ expected }) => expected.hardNat);
    const met = hard.filter(({ settledSeconds }) => settledSeconds !== null && settledSeconds * 1000 <= HARD_NAT_MS);
    report('met behind a symmetric and a port-restricted NAT', `${met.length} of ${hard.length}`);
    expect(hard).toHaveLength(6);
    // Of six the odd one may miss; `node bench/grid.mjs --rounds 20` counts enough to tell nine of ten.
    expect(met.length).toBeGreaterThanOrEqual(hard.length - 1);
  });
});

/** Nothing lost on the way from a relay to a better path, and that path found. */
function isAsExpected({ lost, expected, connectionA, connectionB }: GridCell): boolean {
  return lost === 0 && (expected.hardNat || (connectionA === expected.a && connectionB === expected.b));
}

/** What the end behind `here` has to say of its path to an end behind `there` while it is relayed. */
function trueCause(here: UdpNatKind, there: UdpNatKind): RegExp {
  if (isHard(here) && isHard(there)) return /^relayed: both NATs map per destination/;
  if (isHard(here))
    return /^relayed: the NAT here maps per destination \(symmetric\), and the NAT of the peer lets in only/;
  return /^relayed: the NAT of the peer maps per destination \(symmetric\), and the NAT here lets in only/;
}
