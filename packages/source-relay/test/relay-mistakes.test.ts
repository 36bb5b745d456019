import { FakeClock } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { RelayMistakes } from '../src/server/relay-mistakes.js';
import { at } from './raw-client.js';
import { turnLab } from './turn-lab.js';

describe('what a relay refuses', () => {
  it.each([
    ['a wrong secret', { secret: 'guess' }, /^turn: 192\.0\.2\.1 asks as lab with another password/],
    ['a user who is not there', { username: 'nobody' }, /^turn: 192\.0\.2\.1 asks as nobody, which is no user here/],
  ])('is a problem with its cure: %s', async (_what, identity, sentence) => {
    const lab = await turnLab();
    const client = await lab.client();
    expect((await client.allocate()).class).toBe('success');
    expect(lab.server.problems()).toEqual([]);
    const stranger = await lab.client();
    Object.assign(stranger, identity);
    await stranger.allocate();
    expect(lab.server.problems()).toEqual([expect.stringMatching(sentence)]);
  });

  it('is one line for all users that are none, and none that obeys a stranger', () => {
    const mistakes = new RelayMistakes(new FakeClock());
    mistakes.wrongCredentials('me', '192.0.2.1', true);
    for (let i = 0; i < 500; i++) mistakes.wrongCredentials(`\u001b[2J${i}${'x'.repeat(500)}`, '192.0.2.2', false);
    const problems = mistakes.problems();
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain('\u001b');
    expect(problems.every((line) => line.length < 250)).toBe(true);
  });

  it.each([
    ['ip-connections', /^turn over tcp: 192\.0\.2\.1 has as many connections .* listen on loopback$/],
    ['ip-connection-rate', /192\.0\.2\.1 makes more connections a second/],
    ['open-files', /raise that limit/],
    ['crowded-out', /limit new connections for each address in the firewall/],
    ['not-turn', /192\.0\.2\.1 sends what is no TURN, .* turn\.tls \(turns:\)$/],
  ] as const)('says what to change where connections end: %s', (why, sentence) => {
    const mistakes = new RelayMistakes(new FakeClock());
    for (let n = 0; n < 9; n++) mistakes.connectionEnded(why, `192.0.2.${9 - n}`, 'tcp');
    expect(mistakes.problems()).toEqual([expect.stringMatching(sentence)]);
  });

  it.each(['no-allocation', 'not-reading'] as const)('a connection that ends so is nobody’s mistake: %s', (why) => {
    const mistakes = new RelayMistakes(new FakeClock());
    mistakes.connectionEnded(why, '192.0.2.1', 'tcp');
    expect(mistakes.problems()).toEqual([]);
  });

  it('is told of a connection that speaks something else', async () => {
    const lab = await turnLab();
    // What TLS begins with.
    lab.connect().stream.write(Buffer.from('16030102000100', 'hex'));
    await lab.clock.advance(0);
    expect(lab.server.problems()).toEqual([expect.stringContaining('sends what is no TURN')]);
  });

  it.each([
    [403, /me may not send to 10\.0\.0\.9: .* turn\.allowPeers/],
    [486, /me has as many allocations as it may/],
    [508, /no room for another allocation/],
  ])('says what to change after %i', (code, sentence) => {
    const mistakes = new RelayMistakes(new FakeClock());
    mistakes.refused({ code, reason: '' }, 'me', [at('10.0.0.9', 1)]);
    expect(mistakes.problems()).toEqual([expect.stringMatching(sentence)]);
  });
});
