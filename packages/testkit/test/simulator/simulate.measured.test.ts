import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Summary } from '../../src/simulator/command/summary.js';

const command = fileURLToPath(new URL('../../bin/simulate.js', import.meta.url));
const NETWORKS = 10_000;

async function simulate(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [command, ...args], { maxBuffer: 2 ** 28 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

describe('simulate', () => {
  it(`${NETWORKS} networks: the connection is what the oracle says in each`, { timeout: 900_000 }, async () => {
    const { code, out } = await simulate('--networks', String(NETWORKS), '--json');
    const summary = JSON.parse(out) as Summary & { tookMs: number };
    const { hardNat, failures } = summary;
    console.log(
      `${NETWORKS} networks in ${(summary.tookMs / 1000).toFixed(0)} s: ${JSON.stringify(summary.connections)}; ` +
        `hard NATs: ${hardNat.succeeded} of ${hardNat.tried} got off the relay`,
    );
    expect(failures).toEqual([]);
    expect(summary.networks).toBe(NETWORKS);
    expect(hardNat.succeeded / hardNat.tried).toBeGreaterThan(0.9);
    expect(code).toBe(0);
  });

  it('one network alone, by its seed', async () => {
    const { code, out } = await simulate('--seed', '75');
    expect(code).toBe(0);
    expect(out).toContain('"seed": 75');
  });

  it.each([[['--networks', 'many']], [['--sites', '3']]])('%j is wrong usage', async (args) => {
    const { code, err } = await simulate(...args);
    expect(code).toBe(2);
    expect(err).toContain('Examples:');
  });
});
