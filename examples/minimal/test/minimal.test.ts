import { expect, it } from 'vitest';
import { echoThroughTunnel } from '../src/index.js';

it('an echo comes back through the tunnel, directly', async () => {
  expect(await echoThroughTunnel('hello')).toEqual({ echo: 'hello', connection: 'direct' });
});
