import { describe, expect, it } from 'vitest';
import { innerAddressOf, innerPing } from '../../../src/attached/native/inner-ping.js';
import { bareSocket } from '../../embedded/support.js';

describe('the ping inside the tunnel', () => {
  it.each([
    [['10.0.0.0/24', '10.0.0.2/32'], '10.0.0.2'],
    [['fd00::2/128'], 'fd00::2'],
    [['fd00::/32', '0.0.0.0/0'], undefined],
    [[], undefined],
  ])('of %j goes to %s', (allowedIps, address) => {
    expect(innerAddressOf(allowedIps)).toBe(address);
  });

  it('takes a refusal as an answer', async () => {
    const gone = await bareSocket();
    await gone.close();
    const signal = AbortSignal.timeout(5000);
    expect(await innerPing('127.0.0.1', { signal, port: gone.port })).toBe(true);
  });

  it('takes a datagram as an answer', async () => {
    const echo = await bareSocket();
    echo.socket.on('message', (bytes, { port }) => void echo.send(bytes, port));
    const signal = AbortSignal.timeout(5000);
    expect(await innerPing('127.0.0.1', { signal, port: echo.port })).toBe(true);
    await echo.close();
  });

  it('takes no way there as none', async () => {
    // Broadcast is refused where nobody has asked for it.
    expect(await innerPing('255.255.255.255', { signal: AbortSignal.timeout(5000) })).toBe(false);
  });

  it('takes silence as none', async () => {
    const silent = await bareSocket();
    expect(await innerPing('127.0.0.1', { signal: AbortSignal.timeout(50), port: silent.port })).toBe(false);
    await silent.close();
  });
});
