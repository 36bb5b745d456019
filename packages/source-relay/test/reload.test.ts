import { expect, it } from 'vitest';
import { TurnRelay } from '../src/index.js';
import { testNeeds } from './needs.js';

it('servers that stay are the same objects, one with another credential is another', () => {
  const server = (name: string, credential = 'secret') => ({ url: `turn:${name}:3478`, username: 'lab', credential });
  const relay = new TurnRelay(testNeeds(), { servers: [server('a'), server('b')] });
  const [a, b] = relay.servers;
  relay.reload({ servers: [server('a'), server('b', 'another'), server('c')] });
  expect(relay.servers.map(({ url }) => url)).toEqual(['turn:a:3478', 'turn:b:3478', 'turn:c:3478']);
  expect(relay.servers[0]).toBe(a);
  expect(relay.servers[1]).not.toBe(b);
});
