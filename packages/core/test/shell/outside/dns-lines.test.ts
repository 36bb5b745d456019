import { createSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { transportAddress } from '@wirepath/stun-codec';
import { expect, it } from 'vitest';
import { EdgeGuard } from '../../../src/base/guard/edge-guard.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { systemClock } from '../../../src/base/time/system-clock.js';
import { dnsLines } from '../../../src/shell/outside/dns-lines.js';

it('a server that no route leads to is a failure of the line, and of nothing else', async () => {
  // A socket of the other family can be connected to no such address, on whatever machine.
  const sockets = { openUdp: () => Promise.resolve(createSocket('udp4')), openTcp: () => new Socket() };
  const openLine = dnsLines(sockets, EdgeGuard.create('test', { logger: silentLogger(), clock: systemClock }));
  const reason = await new Promise<string>((resolve) => {
    const events = { message: () => undefined, failed: resolve };
    const line = openLine(transportAddress('2001:db8::53', 53), 'udp', events);
    line.send(new Uint8Array(12));
  });
  expect(reason).not.toBe('');
});
