import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startPair, type Lab } from '../src/index.js';
import { describeInLab, pairForTest } from './lab-for-test.js';

/** All that a daemon could leave in the system, in the words of `ip`. */
async function traces(lab: Lab, host: string): Promise<string[]> {
  const commands = [
    ['link'],
    ['addr'],
    ['route', 'show', 'table', 'all'],
    ['-6', 'route', 'show', 'table', 'all'],
    ['rule'],
    ['-6', 'rule'],
  ];
  const outputs = await Promise.all(commands.map((command) => lab.exec(host, ['ip', '-o', ...command])));
  return outputs.map((output) => output.replaceAll(/(valid|preferred)_lft \S+/g, ''));
}

describeInLab('a daemon that ends', () => {
  it.each([
    ['SIGTERM', 'one peer', '10.77.0.2/32'],
    ['SIGTERM', 'all traffic through the peer', '0.0.0.0/0'],
    ['SIGINT', 'all traffic through the peer', '0.0.0.0/0'],
  ] as const)('by %s, while packets pass, leaves nothing: %s', async (signal, _, allowedIps) => {
    const pair = await pairForTest({ a: 'none', b: 'none' });
    const { lab, a, b } = pair;
    await a.configure([b.asPeer({ allowedIps: [allowedIps] })]);
    const before = await traces(lab, 'a');
    const { ping } = await startPair(pair);
    expect(await traces(lab, 'a')).not.toEqual(before);
    const uapiSocket = `/var/run/wireguard/${a.interfaceName}.sock`;
    const controlSockets = join(lab.folder, 'run', 'wirepath');
    expect(existsSync(uapiSocket)).toBe(true);
    expect(await readdir(controlSockets)).toHaveLength(3);

    expect(await a.stop(signal)).toEqual({ code: 0, signal: null });
    await ping.stop();
    expect(await traces(lab, 'a')).toEqual(before);
    expect(existsSync(uapiSocket)).toBe(false);
    expect(await readdir(controlSockets)).toHaveLength(2);
  });
});
