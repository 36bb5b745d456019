import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const FUZZ = fileURLToPath(new URL('../bench/fuzz.mjs', import.meta.url));
const TIMEOUT_MS = 180_000;

const lacking = process.platform === 'linux' ? undefined : 'needs Linux: the fuzzer looks at sockets in /proc';
if (lacking !== undefined) console.log(`fuzz: skipped, ${lacking}`);

const lackingForLinks = process.getuid?.() === 0 ? undefined : 'odd links: need root, for network namespaces';
if (lackingForLinks !== undefined) console.log(`fuzz: skipped, ${lackingForLinks}`);

interface Report {
  readonly ok: boolean;
  readonly seed: number;
  readonly checks: readonly { readonly ok: boolean; readonly what: string }[];
}

/** A small run of what `node bench/fuzz.mjs` does with a million of each. */
function fuzz(...args: readonly string[]): Promise<Report> {
  const child = spawn(process.execPath, [FUZZ, '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (output.stdout += String(text)));
  child.stderr.on('data', (text) => (output.stderr += String(text)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      try {
        resolve(JSON.parse(output.stdout) as Report);
      } catch {
        // It did not get as far as a report.
        reject(new Error(output.stderr));
      }
    });
  });
}

function failuresOf({ seed, checks }: Report): string[] {
  return checks.filter(({ ok }) => !ok).map(({ what }) => `${what} (seed ${seed})`);
}

describe.skipIf(lacking)('hostile input', () => {
  it(
    'on every open socket costs no echo, no memory and no process, and is accounted for',
    async () => {
      const report = await fuzz('--only', 'sockets', '--count', '20000');
      expect(failuresOf(report)).toEqual([]);
      expect(report.checks.length).toBeGreaterThan(10);
    },
    TIMEOUT_MS,
  );

  it.skipIf(lackingForLinks !== undefined)(
    'over link-local addresses of links with odd names ends nothing',
    async () => {
      const report = await fuzz('--only', 'links', '--count', '20000');
      expect(failuresOf(report)).toEqual([]);
      expect(report.checks.length).toBeGreaterThan(10);
    },
    TIMEOUT_MS,
  );

  it(
    'under forged sources costs honest clients of a STUN/TURN server nothing',
    async () => {
      const report = await fuzz('--only', 'spoofed');
      expect(failuresOf(report)).toEqual([]);
      expect(report.checks.length).toBeGreaterThan(14);
    },
    TIMEOUT_MS,
  );

  it(
    'of clients that never read, say nothing or vanish takes nothing from honest clients beside them',
    async () => {
      const report = await fuzz('--only', 'clients', '--count', '3000');
      expect(failuresOf(report)).toEqual([]);
      expect(report.checks.length).toBe(8);
    },
    TIMEOUT_MS,
  );

  it(
    'makes no decoder throw',
    async () => {
      const report = await fuzz('--only', 'decoders', '--count', '5000');
      expect(failuresOf(report)).toEqual([]);
      expect(report.checks.length).toBe(10);
    },
    TIMEOUT_MS,
  );
});
