import { FakeClock } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { readCredential, timeLimitedCredential } from '../src/client/turn-credential.js';
import { testNeeds } from './needs.js';

describe('a credential', () => {
  it('of a shared secret is `printf 1700000000:lab | openssl dgst -sha1 -hmac north -binary | base64`', () => {
    expect(timeLimitedCredential('lab', 'north', 1_700_000_000)).toEqual({
      username: '1700000000:lab',
      secret: 'A4OoSsHFcwbODb0cw521ZJ1UN9I=',
    });
  });

  it.each([
    ['itself', { credential: 'secret' }],
    ['a file', { credentialFile: 'file' }],
  ])('from %s is as it stands', async (_what, options) => {
    const needs = testNeeds({ files: { file: 'secret' } });
    expect(await readCredential({ username: 'lab', ...options }, needs)).toEqual({ username: 'lab', secret: 'secret' });
  });

  it.each([
    ['itself', { sharedSecret: 'north' }],
    ['a file', { sharedSecretFile: 'file' }],
  ])('of a shared secret from %s lasts a day at least, and is the same all day', async (_what, options) => {
    const clock = new FakeClock();
    const needs = testNeeds({ clock, files: { file: 'north' } });
    const read = () => readCredential({ username: 'lab', ...options }, needs);
    const dayMs = 86_400_000;
    await clock.advance(dayMs - (clock.unixMs() % dayMs));
    const expiry = (clock.unixMs() + 2 * dayMs) / 1000;
    const first = await read();
    expect(first).toEqual(timeLimitedCredential('lab', 'north', expiry));
    await clock.advance(dayMs - 1000);
    expect(await read()).toEqual(first);
    await clock.advance(1000);
    expect(await read()).toEqual(timeLimitedCredential('lab', 'north', expiry + 86_400));
  });
});
