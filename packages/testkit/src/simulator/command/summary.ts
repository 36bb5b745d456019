import type { ConnectionType } from '@wirepath/core';
import { describePlan, type PlanReport } from '../check-plan.js';
import type { NetworkPlan } from '../plan/network-plan.js';

/** What came of many networks. */
export interface Summary {
  networks: number;
  /** How they ended; `none` where no path exists, as the oracle says too. */
  readonly connections: Record<ConnectionType | 'none', number>;
  /** Networks that nothing but the hard-NAT strategy gets off the relay, and how many of these it got off. */
  readonly hardNat: { tried: number; succeeded: number };
  /** Networks that only a relay reached by stream could connect. */
  byStreamAlone: number;
  /** From the start of the later node to the first connection, ms of virtual time. */
  readonly connectedAfterMs: number[];
  readonly failures: { readonly seed: number; readonly network: string; readonly violations: readonly string[] }[];
}

export function emptySummary(): Summary {
  return {
    networks: 0,
    connections: { direct: 0, 'hole-punched': 0, relayed: 0, none: 0 },
    hardNat: { tried: 0, succeeded: 0 },
    byStreamAlone: 0,
    connectedAfterMs: [],
    failures: [],
  };
}

export function addReport(summary: Summary, plan: NetworkPlan, report: PlanReport): void {
  summary.networks += 1;
  summary.connections[report.connection ?? 'none'] += 1;
  if (report.byStreamAlone) summary.byStreamAlone += 1;
  if (report.hardNat !== undefined) summary.hardNat.tried += 1;
  if (report.hardNat === 'hole-punched') summary.hardNat.succeeded += 1;
  if (report.connectedAfterMs !== undefined) summary.connectedAfterMs.push(report.connectedAfterMs);
  if (report.violations.length > 0)
    summary.failures.push({ seed: plan.seed, network: describePlan(plan), violations: report.violations });
}

export function mergeSummary(into: Summary, other: Summary): void {
  into.networks += other.networks;
  for (const type of ['direct', 'hole-punched', 'relayed', 'none'] as const)
    into.connections[type] += other.connections[type];
  into.hardNat.tried += other.hardNat.tried;
  into.hardNat.succeeded += other.hardNat.succeeded;
  into.byStreamAlone += other.byStreamAlone;
  into.connectedAfterMs.push(...other.connectedAfterMs);
  into.failures.push(...other.failures);
}
