import { describe, it } from 'vitest';
import { expectAllThatLoopbackShows } from './loopback-checks.js';
import { missingAlternate, startOwnServer } from './loopback-servers.js';

const missing = await missingAlternate();

describe('over real sockets, with our own server', () => {
  it.skipIf(missing)(`finds candidate and NAT behaviour ${missing ?? ''}`, async () => {
    const server = await startOwnServer();
    try {
      await expectAllThatLoopbackShows(server.address);
    } finally {
      await server.stop();
    }
  });
});
