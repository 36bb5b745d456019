import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedTransport } from '../../src/embedded/embedded-transport.js';
import { formatKey } from '../../src/protocol/keys.js';
import { uniqueSubnet } from '../attached/proxy/proxied.js';
import { newIdentity, recordingLogger, systemClock, testGuard } from '../embedded/support.js';
import { lacking, run, uniqueInterface } from './programs.js';

const reason = lacking('wg', 'ip');
if (reason) console.log(`skipped: wg against the embedded transport: ${reason}`);

const A = formatKey(new Uint8Array(32).fill(0xaa));
const B = formatKey(new Uint8Array(32).fill(0xbb));
const C = formatKey(new Uint8Array(32).fill(0xcc));
const never = new AbortController().signal;

describe.skipIf(reason)('the wg program, on the embedded transport', () => {
  let name: string;
  let transport: EmbeddedTransport;

  beforeEach(async () => {
    name = uniqueInterface();
    transport = new EmbeddedTransport({
      logger: recordingLogger(),
      guard: testGuard(),
      clock: systemClock,
      random: { bytes: (length) => randomBytes(length) },
      identity: newIdentity(),
      node: { interfaceName: name, addresses: [`${uniqueSubnet().device}/24`], mtu: 1420 },
    });
    await transport.listen({ signal: never });
    await transport.start({ signal: never });
    // One that is signalled, so that the path engine owns its endpoint.
    transport.addPeer({ publicKey: A, allowedIps: ['192.0.2.0/28'] });
  });
  afterEach(() => transport.stop());

  const publicKeys = () => transport.stats().map(({ publicKey }) => publicKey);

  it('showconf, then syncconf and setconf with one more peer and one less', async () => {
    const conf = await run('wg', ['showconf', name]);
    expect(conf).toContain(`PublicKey = ${A}`);
    const more = `${conf}\n[Peer]\nPublicKey = ${B}\nAllowedIPs = 192.0.2.16/28\nEndpoint = 127.0.0.1:9\n`;
    await run('wg', ['syncconf', name, '/dev/stdin'], more);
    expect(publicKeys().sort()).toEqual([A, B]);
    await run('wg', ['setconf', name, '/dev/stdin'], more.replaceAll(A, C));
    expect(publicKeys().sort()).toEqual([B, C]);
    expect(await run('wg', ['show', name, 'endpoints'])).toContain(`${B}\t127.0.0.1:9`);
  });

  it('set endpoint is a suggestion where the path engine decides', async () => {
    const suggested: string[] = [];
    transport.onEndpointSuggested(({ publicKey, endpoint }) =>
      suggested.push(`${publicKey} ${endpoint.ip}:${endpoint.port}`),
    );
    await run('wg', ['set', name, 'peer', A, 'endpoint', '127.0.0.1:9']);
    expect(suggested).toEqual([`${A} 127.0.0.1:9`]);
    expect(transport.stats()[0]!.endpoint).toBeNull();
  });

  it('setconf is all or nothing: a last peer that cannot be leaves all as it was', async () => {
    // The point of order 1: nobody's public key. The kernel's parser takes it; a session with it cannot be.
    const nobody = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]).toString('base64');
    const conf = [B, nobody].map((key) => `[Peer]\nPublicKey = ${key}\nAllowedIPs = 192.0.2.16/28\n`).join('\n');
    await expect(run('wg', ['setconf', name, '/dev/stdin'], conf)).rejects.toThrow('Invalid argument');
    expect(publicKeys()).toEqual([A]);
  });

  it('set refuses what the configuration file decides', async () => {
    await expect(run('wg', ['set', name, 'listen-port', '1'])).rejects.toThrow('not supported');
  });
});
