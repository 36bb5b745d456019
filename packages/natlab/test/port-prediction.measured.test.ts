import { expect, it } from 'vitest';
import { Grid } from '../src/index.js';
import { describeInLab, report } from './lab-for-test.js';

describeInLab('a NAT that maps per destination and gives out ports in sequence', () => {
  it('is met from either side', async () => {
    await using grid = await Grid.open(['symseq', 'portcone']);
    for (const [a, b] of [
      ['symseq', 'portcone'],
      ['portcone', 'symseq'],
    ] as const) {
      const { echoSeconds, settledSeconds, connectionA, connectionB } = await grid.connect(a, b);
      report(
        `${a} / ${b}`,
        `echo after ${echoSeconds.toFixed(2)} s, without a relay after ${String(settledSeconds)} s`,
      );
      expect([connectionA, connectionB], `${a} / ${b}`).not.toContain('relayed');
    }
  }, 180_000);
});
