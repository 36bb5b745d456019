import { describe, it } from 'vitest';
import { expectAllThatLoopbackShows } from './loopback-checks.js';
import { missingAlternate, missingCoturn, startCoturn } from './loopback-servers.js';

const missing = missingCoturn() ?? (await missingAlternate());

describe('over real sockets, with coturn', () => {
  it.skipIf(missing)(`finds candidate and NAT behaviour ${missing ?? ''}`, async () => {
    const server = await startCoturn();
    try {
      await expectAllThatLoopbackShows(server.address);
    } finally {
      await server.stop();
    }
  });
});
