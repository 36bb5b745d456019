/** Clients that the rendezvous server rightly admits, as it does anybody, and that are nobody's peer: their messages reach the nodes. */
import { createIdentity, EdgeGuard, generatePrivateKey, silentLogger, systemClock, systemRandom } from '@wirepath/core';
import { StaticOutside } from '@wirepath/testkit';
import { setTimeout as sleep } from 'node:timers/promises';
import { RendezvousClient } from '../../packages/signaling-rendezvous/dist/client/rendezvous-client.js';

const STRANGERS = 4;
/** Below the rate that the server admits: above it, the client itself keeps only the newest message for each recipient. */
const TURN_MS = 20;
const UP_WITHIN_MS = 5000;

/** @returns how many messages were published. */
export async function strangers({ address, port }, publicKeys, random, count, { signal, onProgress }) {
  const logger = silentLogger();
  const guard = EdgeGuard.create('strangers', { logger, clock: systemClock });
  const needs = { logger, guard, clock: systemClock, random: systemRandom, outside: new StaticOutside() };
  const clients = Array.from({ length: STRANGERS }, () => {
    const identity = createIdentity(generatePrivateKey());
    return new RendezvousClient({ ...needs, identity }, { urls: [`ws://${address}:${port}`] });
  });
  let published = 0;
  try {
    for (const client of clients) await client.start({ signal });
    await untilUp(clients);
    while (published < count) {
      signal.throwIfAborted();
      for (const client of clients) {
        for (const publicKey of publicKeys) client.publish(publicKey, random.bytes(1 + random.int(600)));
        published += publicKeys.length;
      }
      onProgress(published);
      await sleep(TURN_MS);
    }
    // What is under way arrives.
    await sleep(500);
    return published;
  } finally {
    for (const client of clients) await client.stop();
  }
}

async function untilUp(clients) {
  for (let waitedMs = 0; waitedMs < UP_WITHIN_MS; waitedMs += 10) {
    if (clients.every((client) => client.states().every(({ state }) => state === 'up'))) return;
    await sleep(10);
  }
  throw new Error('the rendezvous server admits no stranger');
}
