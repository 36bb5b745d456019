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
  ])('of a shared secret from %s lasts a day', async (_what, options) => {
    const clock = new FakeClock();
    const needs = testNeeds({ clock, files: { file: 'north' } });
    const expiry = Math.floor(clock.unixMs() / 1000) + 86_400;
    expect(await readCredential({ username: 'lab', ...options }, needs)).toEqual(
      timeLimitedCredential('lab', 'north', expiry),
    );
  });
});
