import type { Connection, PeerStatus, Product } from '@wirepath/core';
import type { EchoResult, ThroughputResult } from './inner-host.js';
import type { DemoNetwork } from './demo-network.js';

export interface ScenarioContext {
  readonly product: Product;
  readonly network: DemoNetwork;
  readonly signal: AbortSignal;
  /** Says what goes on. */
  readonly step: (text: string) => void;
}

/** One way of being connected, shown for real. */
export interface Scenario {
  /** The connection type that it must reach. */
  readonly connection: Extract<Connection, 'direct' | 'hole-punched' | 'relayed'>;
  /** What is simulated, for the table. */
  readonly setting: string;
  run(context: ScenarioContext): Promise<Measurements>;
}

export interface Measurements {
  /** Both nodes' view of each other at the end. */
  readonly peers: readonly PeerStatus[];
  /** From the start of both nodes until the first echo came back, and how they were connected then. */
  readonly firstEcho: { readonly afterMs: number; readonly connection: Connection };
  /** From the start of both nodes until each sends to the other on such a path, with a WireGuard session. */
  readonly timeToConnectMs: number;
  readonly echo: { readonly aToB: EchoResult; readonly bToA: EchoResult };
  readonly throughput: ThroughputResult;
}

/** A line of `demo --json`: what was measured, or why it failed. */
export type ScenarioResult = {
  readonly connection: Scenario['connection'];
  readonly setting: string;
} & (({ readonly ok: true } & Measurements) | { readonly ok: false; readonly error: string });
