import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { linuxBoottime } from '../../src/time/boottime.js';

const PRINT = `
  import { linuxBoottime } from ${JSON.stringify(fileURLToPath(new URL('../../dist/time/boottime.js', import.meta.url)))};
  console.log(linuxBoottime().read());
`;
const NODE = ['--input-type=module', '--eval', PRINT];

const canShift = spawnSync('unshare', ['--time', '--boottime', '1', 'true']).status === 0;

describe.skipIf(process.platform !== 'linux')('the time since boot as libc tells it', () => {
  it('goes on as the running clock does, on a machine that is not suspended', async () => {
    const boottime = linuxBoottime();
    if (boottime === undefined) throw new Error('no libc');
    const ahead = () => boottime.read() - performance.now();
    const first = ahead();
    for (let i = 0; i < 100; i += 1) expect(Math.abs(ahead() - first)).toBeLessThan(boottime.resolutionMs);
  });

  it.skipIf(!canShift)('is CLOCK_BOOTTIME: a time namespace shifts it (skipped without the right to make one)', () => {
    const here = Number(execFileSync(process.execPath, NODE, { encoding: 'utf8' }));
    const shifted = ['--time', '--boottime', '86400', process.execPath, ...NODE];
    const there = Number(execFileSync('unshare', shifted, { encoding: 'utf8' }));
    expect(there - here).toBeGreaterThan(86_400_000);
    expect(there - here).toBeLessThan(86_460_000);
  });
});
