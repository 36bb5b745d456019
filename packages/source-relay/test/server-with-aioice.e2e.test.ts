import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { StunTurnServer } from '../src/index.js';
import { run } from './coturn.js';
import { freeUdpPort } from './free-udp-port.js';
import { testNeeds } from './needs.js';
import { fixture } from './stream-front.js';

/** Debian's, where python3-aioice is installed. */
const PYTHON = '/usr/bin/python3';
const PROGRAM = fileURLToPath(new URL('aioice-pair.py', import.meta.url));

const isMissing = spawnSync(PYTHON, ['-c', 'import aioice']).status !== 0;
if (isMissing) console.log("skipped: aioice (Debian's python3-aioice) is not installed");

const servers: StunTurnServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

describe.skipIf(isMissing)('two agents of aioice that only the embedded TURN server connects', () => {
  it.each(['udp', 'tcp', 'tls'] as const)('over %s', async (transport) => {
    const port = await freeUdpPort('127.0.0.1');
    const server = new StunTurnServer(testNeeds(), {
      turn: {
        listen: `127.0.0.1:${transport === 'tls' ? await freeUdpPort('127.0.0.1') : port}`,
        ...(transport === 'tls' && {
          tls: {
            listen: `127.0.0.1:${port}`,
            certFile: fixture('test-only-server.crt'),
            keyFile: fixture('test-only-server.key'),
          },
        }),
        realm: 'lab',
        users: { lab: 'secret' },
        allowPeers: ['127.0.0.0/8'],
      },
    });
    servers.push(server);
    await server.start({ signal: new AbortController().signal });
    const { code, output } = await run(PYTHON, [PROGRAM, '127.0.0.1', String(port), transport], 30_000);
    expect(output).toContain('50 there and back');
    expect(code).toBe(0);
    // Both have given their allocations back.
    expect(server.status()).toMatchObject({ allocations: 0 });
  });
});
