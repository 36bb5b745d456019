import type { Product } from '@wirepath/core';
import { errorSentence } from '../wording/error-line.js';
import { behindNats } from './behind-nats.js';
import { DemoNetwork } from './demo-network.js';
import { direct } from './direct.js';
import type { Scenario, ScenarioResult } from './scenario.js';

/** Best connection type first. Each runs alone, in a network of its own. */
export const SCENARIOS: readonly Scenario[] = [
  direct,
  behindNats('hole-punched', {
    setting: 'both behind NATs that change every port',
    nat: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
  }),
  behindNats('relayed', {
    setting: 'both behind symmetric NATs',
    nat: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
  }),
];

/** A scenario that fails is a result; only an abort throws. */
export async function runScenarios(
  product: Product,
  scenarios: readonly Scenario[],
  { signal, step }: { signal: AbortSignal; step: (text: string) => void },
): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  for (const scenario of scenarios) {
    const { connection, setting } = scenario;
    await using network = new DemoNetwork(product);
    try {
      const measurements = await scenario.run({ product, network, signal, step });
      results.push({ connection, setting, ok: true, ...measurements });
    } catch (error) {
      signal.throwIfAborted();
      results.push({ connection, setting, ok: false, error: errorSentence(error) });
    }
  }
  return results;
}
