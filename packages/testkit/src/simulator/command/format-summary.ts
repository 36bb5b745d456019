import type { ManyNetworks } from './run-in-workers.js';
import type { Summary } from './summary.js';

/** For a person. */
export function formatSummary(summary: Summary, { disturbances }: ManyNetworks, tookMs: number): string {
  const { networks, connections, hardNat, byStreamAlone, connectedAfterMs, failures } = summary;
  const sorted = connectedAfterMs.toSorted((a, b) => a - b);
  const quantile = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  const percent = hardNat.tried === 0 ? '' : ` (${((hardNat.succeeded / hardNat.tried) * 100).toFixed(1)} %)`;
  const lines = [
    `networks      ${networks} in ${(tookMs / 1000).toFixed(1)} s`,
    `direct        ${connections.direct}`,
    `hole-punched  ${connections['hole-punched']}`,
    `relayed       ${connections.relayed}`,
    `no path       ${connections.none}`,
    `by stream     ${byStreamAlone} that only a relay reached over TCP connects`,
    `hard NATs     ${hardNat.succeeded} of ${hardNat.tried}${percent} without a relay, by many sockets and many guesses`,
    `connected in  ${quantile(0.5)} ms median, ${quantile(0.99)} ms at the 99th percentile, of virtual time`,
    `failures      ${failures.length}`,
  ];
  const extra = disturbances === 0 ? '' : ` --disturbances ${disturbances}`;
  for (const { seed, network, violations } of failures) {
    lines.push('', `seed ${seed}: ${network}`, ...violations.map((line) => `  ${line}`));
    lines.push(`  replay: node packages/testkit/bin/simulate.js --seed ${seed}${extra}`);
  }
  return `${lines.join('\n')}\n`;
}
