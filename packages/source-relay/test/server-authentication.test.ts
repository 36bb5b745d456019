import { describe, expect, it } from 'vitest';
import { timeLimitedCredential } from '../src/client/turn-credential.js';
import { NONCE_LIFETIME_MS } from '../src/server/signed-nonces.js';
import { at } from './raw-client.js';
import { PEER, turnLab } from './turn-lab.js';

const allocate = { method: 'allocate', requestedTransport: 17 } as const;

describe('long-term credentials (RFC 8489, section 9.2)', () => {
  it('challenges a request without credentials with realm and nonce, unsigned, and nothing about the server', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    const challenge = await client.exchange(client.encode(allocate));
    expect(challenge).toMatchObject({
      errorCode: { code: 401 },
      realm: 'lab',
      hasIntegrity: false,
      software: undefined,
    });
    expect(challenge?.nonce).toMatch(/^[\w-]{24}$/);
    expect(challenge!.bytes.length).toBeLessThan(120);
  });

  it('says 400 to integrity without USERNAME, REALM or NONCE', async () => {
    const client = await (await turnLab()).client();
    for (const missing of ['username', 'realm', 'nonce']) {
      const bytes = client.encode({ ...allocate, ...client.credentials('x'), [missing]: undefined });
      expect((await client.exchange(bytes))?.errorCode?.code).toBe(400);
    }
  });

  it.each(['', '4000000000:'])('says 400 to a name of 10 kB, with or without an expiry (%j)', async (expiry) => {
    const lab = await turnLab({ turn: { secrets: ['shared'] } });
    const client = await lab.client();
    await client.request({ method: 'allocate' });
    const { realm, nonce, integrityKey } = client.credentials(client.nonce!);
    const padding = Buffer.from(expiry.padEnd(10_000, 'x'));
    const bytes = client.encode({ ...allocate, username: undefined, realm, nonce, integrityKey, padding });
    // An attribute that may be so long becomes a USERNAME.
    bytes.writeUInt16BE(0x0006, bytes.indexOf(padding) - 4);
    const answer = await client.exchange(client.resign(bytes));
    expect(answer?.errorCode?.code).toBe(400);
    expect(answer?.bytes.length).toBeLessThan(120);
    const told = lab.needs.logger.lines.filter(({ level }) => level !== 'debug').map(({ message }) => message);
    expect(told).toEqual(['turn: how datagrams go']);
  });

  it.each([
    ['a wrong secret', { secret: 'guess' }],
    ['a user who is not there', { username: 'nobody' }],
    ['constructor', { username: 'constructor', secret: 'function Object() { [native code] }' }],
    ['__proto__', { username: '__proto__', secret: '[object Object]' }],
    ['toString', { username: 'toString', secret: 'function toString() { [native code] }' }],
    ['an empty name', { username: '', secret: '' }],
    ['another realm', { realm: 'elsewhere' }],
  ])('says 401 to %s', async (_what, identity) => {
    const lab = await turnLab();
    const client = await lab.client();
    Object.assign(client, identity);
    expect((await client.allocate()).errorCode?.code).toBe(401);
    expect(lab.server.status()).toMatchObject({ allocations: 0 });
  });

  it('lets a user called constructor in by the secret that was configured', async () => {
    const client = await (await turnLab({ turn: { users: { constructor: 'secret' } } })).client();
    client.username = 'constructor';
    expect((await client.allocate()).class).toBe('success');
  });

  it("says 438 with a fresh nonce to one that is old, forged, or another client's", async () => {
    const lab = await turnLab();
    const [client, other] = [await lab.client(), await lab.client()];
    await other.request({ method: 'allocate' });
    await client.allocate({ lifetimeSeconds: 3600 });
    const own = client.nonce!;
    const stale = async (nonce: string) => {
      const answer = await client.exchange(client.encode({ method: 'refresh', ...client.credentials(nonce) }));
      expect(answer).toMatchObject({ errorCode: { code: 438 }, realm: 'lab' });
      expect(answer?.nonce).not.toBe(nonce);
    };
    await stale('forged');
    await stale(other.nonce!);
    await stale(`${own.slice(0, -1)}${own.endsWith('A') ? 'B' : 'A'}`);
    await lab.clock.advance(NONCE_LIFETIME_MS);
    await stale(own);
    expect((await client.request({ method: 'refresh' })).class).toBe('success');
  });

  it('reads users from a file, too', async () => {
    const lab = await turnLab({
      turn: { users: { lab: 'old' }, usersFile: 'users' },
      files: { users: '# who may relay\n\nlab: secret\nother: a:b \n' },
    });
    const [first, second] = [await lab.client(), await lab.client()];
    Object.assign(second, { username: 'other', secret: 'a:b' });
    expect((await first.allocate()).class).toBe('success');
    expect((await second.allocate()).class).toBe('success');
  });

  it.each(['lab', ': secret', 'lab:', 'lab:  '])(
    'refuses a users file with the line %j, without showing it',
    async (line) => {
      await expect(
        turnLab({ turn: { usersFile: 'users' }, files: { users: `ok: yes\n${line}` } }),
      ).rejects.toMatchObject({
        code: 'CONFIG',
        message: 'users:2: expected "name: secret"',
      });
    },
  );
});

describe('users who are removed while the server runs', () => {
  it('keep what they have until they come back, and lose it then', async () => {
    const lab = await turnLab({ turn: { users: { lab: 'secret', other: 'secret' } } });
    const [leaving, staying] = [await lab.client(), await lab.client()];
    staying.username = 'other';
    await leaving.allocate();
    await staying.allocate();
    await leaving.bindChannel(0x4000, PEER);
    lab.server.reload({ turn: { ...lab.turn, users: { other: 'secret' } } });
    await lab.clock.advance(0);

    await leaving.sendChannelData(0x4000, 'still');
    expect(lab.peer.received).toHaveLength(1);
    expect((await leaving.request({ method: 'refresh' })).errorCode?.code).toBe(401);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
    expect((await staying.request({ method: 'refresh' })).class).toBe('success');
  });

  it('cannot be made to lose it by somebody else', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.allocate();
    lab.server.reload({ turn: { ...lab.turn, users: {} } });
    await lab.clock.advance(0);
    const right = client.secret;
    client.secret = 'guess';
    expect((await client.request({ method: 'refresh' })).errorCode?.code).toBe(401);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
    client.secret = right;
  });

  it('stay when the file cannot be read', async () => {
    const lab = await turnLab();
    lab.server.reload({ turn: { ...lab.turn, usersFile: 'gone' } });
    await lab.clock.advance(0);
    expect((await (await lab.client(at('192.0.2.9', 1))).allocate()).class).toBe('success');
    expect(lab.needs.logger.lines.some(({ message }) => message.includes('users stay as they were'))).toBe(true);
  });
});

describe('time-limited credentials', () => {
  const HOUR = 3600;
  const withSecrets = (turn = {}) => turnLab({ turn: { users: {}, secrets: ['shared'], ...turn } });
  const as = async (lab: Awaited<ReturnType<typeof turnLab>>, name: string, secret: string, seconds: number) => {
    const nowSeconds = Math.floor(lab.clock.unixMs() / 1000);
    return Object.assign(await lab.client(), timeLimitedCredential(name, secret, nowSeconds + seconds));
  };

  it.each([
    ['with the secret', 'shared', HOUR, 'success'],
    ['with another secret', 'other', HOUR, 'error'],
    ['that has expired', 'shared', -1, 'error'],
  ])('one %s', async (_what, secret, seconds, expected) => {
    const lab = await withSecrets();
    expect((await (await as(lab, 'alice', secret, seconds)).allocate()).class).toBe(expected);
  });

  it('an allocation outlives the credential it was made with, and nothing new is made with that', async () => {
    const lab = await withSecrets();
    const client = await as(lab, 'alice', 'shared', 60);
    await client.allocate();
    await lab.clock.advance(120_000);
    expect((await client.request({ method: 'refresh' })).class).toBe('success');
    const late = Object.assign(await lab.client(), { username: client.username, secret: client.secret });
    expect((await late.allocate()).errorCode?.code).toBe(401);
  });

  it('the quota is that of the name, however many credentials it has', async () => {
    const lab = await withSecrets({ quotaPerUser: 1 });
    expect((await (await as(lab, 'alice', 'shared', HOUR)).allocate()).class).toBe('success');
    expect((await (await as(lab, 'alice', 'shared', HOUR + 1)).allocate()).errorCode?.code).toBe(486);
    expect((await (await as(lab, 'bob', 'shared', HOUR)).allocate()).class).toBe('success');
  });

  it('secrets come from a file, too, and are read again', async () => {
    const files: Record<string, string> = { secrets: '# ours\nold\nnew\n' };
    const lab = await turnLab({ turn: { users: { lab: 'secret' }, secretsFile: 'secrets' }, files });
    const client = await as(lab, 'alice', 'new', HOUR);
    expect((await client.allocate()).class).toBe('success');
    expect((await (await lab.client()).allocate()).class).toBe('success');
    files['secrets'] = 'next';
    expect(lab.server.reload({ turn: lab.turn })).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect((await client.request({ method: 'refresh' })).errorCode?.code).toBe(401);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
  });
});
