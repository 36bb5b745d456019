import type { SchemaLibrary } from '@wirepath/core/plugin';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import plugin, { SystemEgress } from '../src/index.js';
import { FakeClock } from './fake-clock.js';
import { recordingLogger } from './log.js';

// The library that core hands to plugins is core's dependency, not the plugin's.
const { z } = createRequire(new URL('../../core/package.json', import.meta.url))('zod') as { z: SchemaLibrary };

const parse = (options: unknown) => plugin.options!(z).safeParse(options);

describe('the plugin', () => {
  it('has a default for every option', () => {
    expect(parse({}).data).toEqual({ interfaces: {}, loopback: false, maxCandidates: 16 });
  });

  it.each([
    ['an unknown key', { interface: 'eth0' }],
    ['an unknown key below', { interfaces: { only: ['eth0'] } }],
    ['a number of candidates that none can use', { maxCandidates: 0 }],
    ['more candidates than a message holds', { maxCandidates: 33 }],
    ['one name where a list is meant', { interfaces: { include: 'eth0' } }],
  ])('refuses %s', (_what, options) => {
    expect(parse(options).success).toBe(false);
  });

  it('contributes a candidate source and the egress, and does nothing before it is asked', async () => {
    const clock = new FakeClock();
    const { candidateSource, egress } = await plugin.create(
      { logger: recordingLogger(), clock, node: { interfaceName: 'wp0', addresses: [], mtu: 1420 } },
      { interfaces: {}, loopback: true, maxCandidates: 16 },
    );
    expect(egress).toBeInstanceOf(SystemEgress);
    expect(candidateSource?.watch).toBeTypeOf('function');
    expect(clock.pendingTimers).toBe(0);
  });
});
