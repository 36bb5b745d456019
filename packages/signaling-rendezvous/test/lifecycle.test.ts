import { afterEach, describe, expect, it } from 'vitest';
import { RendezvousClient } from '../src/client/rendezvous-client.js';
import { RendezvousServer } from '../src/server/rendezvous-server.js';
import { freePort, isUp, serverNeeds, Stage, testIdentity, tlsSection, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

const signal = new AbortController().signal;

/** What of ours keeps the process alive; the test runner has pipes and timers of its own. */
const openHandles = () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|GetAddrInfo/.test(name));

describe('start and stop', () => {
  it('an address in use is said so', async () => {
    const { url } = await stage.server();
    const listen = new URL(url).host;
    await expect(stage.server({ listen })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', subject: listen });
  });

  it('a missing certificate is said so, and nothing is left listening', async () => {
    const port = await freePort();
    const broken = { listen: `127.0.0.1:${port}`, tls: { ...tlsSection(), certFile: 'missing.crt' } };
    await expect(stage.server(broken)).rejects.toMatchObject({ code: 'CONFIG', subject: 'missing.crt' });
    await stage.server({ listen: `127.0.0.1:${port}` });
  });

  it('stop is safe before start, during it, after it, and twice', async () => {
    const make = [
      () => new RendezvousServer(serverNeeds(), { listen: '127.0.0.1:0' }),
      () => new RendezvousClient({ ...serverNeeds(), identity: testIdentity() }, { urls: ['ws://127.0.0.1:9'] }),
    ];
    for (const create of make) {
      const before = create();
      await before.stop();
      await before.start({ signal });
      const during = create();
      const starting = during.start({ signal });
      await during.stop();
      await starting;
      const after = create();
      await after.start({ signal });
      await Promise.all([after.stop(), after.stop()]);
      await create().start({ signal: AbortSignal.abort() });
      const abort = new AbortController();
      const aborted = create();
      await aborted.start({ signal: abort.signal });
      abort.abort();
      await aborted.stop();
    }
    await until(() => openHandles().length === 0, `no handles: ${openHandles().join()}`);
  });

  it('leaves no socket, server or timer, whoever stops first', async () => {
    for (const first of ['server', 'clients']) {
      const { server, url } = await stage.server();
      const a = await stage.client([url, 'ws://127.0.0.1:9']);
      const b = await stage.client(url);
      await until(() => isUp(b), 'b up');
      const startedAt = performance.now();
      const stops = [() => server.stop(), () => Promise.all([a.client.stop(), b.client.stop()])];
      for (const stop of first === 'server' ? stops : stops.reverse()) await stop();
      expect(performance.now() - startedAt).toBeLessThan(2000);
      expect(stage.timers()).toBe(0);
      await until(() => openHandles().length === 0, `no handles: ${openHandles().join()}`);
    }
  });
});
