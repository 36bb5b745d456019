import { afterEach, describe, expect, it } from 'vitest';
import { isUp, Stage, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

describe('a reload of the client', () => {
  it('dials servers that came, leaves those that went, and does not disturb those that stay', async () => {
    const [stays, goes, comes] = [await stage.server(), await stage.server(), await stage.server()];
    const a = await stage.client([stays.url, goes.url]);
    const upUrls = () => a.client.states().flatMap(({ url, state }) => (state === 'up' ? [url] : []));
    await until(() => upUrls().length === 2, 'both up');
    const downOfStaying: string[] = [];
    a.client.onStateChange((states) => {
      const state = states.find(({ url }) => url === stays.url)?.state;
      if (state !== 'up') downOfStaying.push(String(state));
    });
    a.client.reload({ url: stays.url, urls: [comes.url] });
    expect(a.client.states().map(({ url }) => url)).toEqual([stays.url, comes.url]);
    await until(() => upUrls().length === 2, 'the new one up');
    expect(downOfStaying).toEqual([]);
  });

  it('connections go through the HTTP proxy that it names', async () => {
    const [before, after] = [await stage.server(), await stage.server()];
    const a = await stage.client(before.url, { proxy: 'http://one.example' });
    await until(() => isUp(a), 'up');
    a.client.reload({ urls: [after.url], proxy: false });
    await until(() => isUp(a), 'up at the other server');
    expect(a.outside.proxies).toEqual(['http://one.example', false]);
  });

  it('messages go by the servers that it names', async () => {
    const [before, after] = [await stage.server(), await stage.server()];
    const a = await stage.client(before.url);
    const b = await stage.client(after.url);
    await until(() => isUp(b), 'b up');
    a.client.reload({ urls: [after.url] });
    await until(() => isUp(a), 'a up at the other server');
    a.client.publish(b.publicKey, new Uint8Array([1]));
    await until(() => b.received.length === 1, 'the message');
    expect(b.received).toMatchObject([{ from: a.publicKey }]);
  });

  it('dials nothing once it was stopped', async () => {
    const [before, after] = [await stage.server(), await stage.server()];
    const a = await stage.client(before.url);
    await a.client.stop();
    a.client.reload({ urls: [after.url] });
    expect(a.client.states()).not.toContainEqual(expect.objectContaining({ state: 'connecting' }));
    expect(isUp(a)).toBe(false);
  });
});
