import { expect, it } from 'vitest';
import { MemoryInternet } from './memory-internet.js';
import { MemoryStunServer } from './memory-stun-server.js';
import { NodeUnderTest } from './node-under-test.js';

const KEPT = '203.0.113.10:3478';
const GONE = '203.0.113.20:3478';
const NEW = '203.0.113.30:3478';

function nodeWith(...listening: string[]) {
  const internet = new MemoryInternet();
  const servers = new Map(listening.map((listen) => [listen, new MemoryStunServer(internet, listen, {})]));
  const requests = (listen: string) => servers.get(listen)?.requests.length ?? 0;
  return { node: new NodeUnderTest(internet, { servers: [KEPT, GONE] }), requests };
}

it('a reload asks the servers that it names, and no longer those that it does not', async () => {
  const { node, requests } = nodeWith(KEPT, GONE, NEW);
  await node.gather();
  const [kept, gone] = [requests(KEPT), requests(GONE)];
  node.source.reload({ servers: [KEPT, NEW] });
  await node.gather();
  expect(requests(NEW)).toBeGreaterThan(0);
  expect(requests(KEPT)).toBeGreaterThan(kept);
  expect(requests(GONE)).toBe(gone);
});

it('a server that is no longer named is no problem any more, and one that stays is', async () => {
  const { node } = nodeWith();
  await expect(node.gather()).rejects.toMatchObject({ code: 'STUN_DISCOVERY' });
  node.source.reload({ servers: [KEPT] });
  expect(node.source.problems()).toEqual([`the STUN server is of no use: ${KEPT} (no answer)`]);
  node.source.reload({ servers: [NEW] });
  expect(node.source.problems()).toEqual([]);
});

it('whoever watches is told of each reload, until it is disposed of', () => {
  const { node } = nodeWith();
  let told = 0;
  const watching = node.source.watch(() => (told += 1));
  node.source.reload({ servers: [NEW] });
  watching[Symbol.dispose]();
  node.source.reload({ servers: [KEPT] });
  expect(told).toBe(1);
});
