import { describe, expect, it } from 'vitest';
import { parsePrivateKey } from '../../../src/base/identity/keys.js';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import { checkPeerChange } from '../../../src/shell/peers/check-peer-change.js';
import { OTHER_PEER_KEY, PEER_KEY, PRIVATE_KEY, PUBLIC_KEY } from '../../rc-file/rc-folder.js';

const identity = createIdentity(parsePrivateKey(PRIVATE_KEY));
const peer = { name: 'b', publicKey: PEER_KEY, allowedIps: ['10.77.0.2/32'], keepaliveSeconds: 25 };
const set = (more: object) => ({ kind: 'set', peer: { ...peer, ...more } });
const check = (value: unknown) => checkPeerChange(value, identity);
const throwing = (key: string) =>
  Object.defineProperty({}, key, {
    get: () => {
      throw new Error('no');
    },
  });

describe('a change of a peer', () => {
  it('is taken over complete, canonical, and without the plugin’s own objects', () => {
    const written = {
      ...peer,
      presharedKey: new Uint8Array(32).fill(7),
      allowedIps: ['10.77.0.2/24', '10.77.0.0/24', '2001:DB8::1'],
      endpoint: { family: 9, ip: '2001:DB8::9', port: 51820, more: 1 },
      more: 1,
    };
    const result = check({ kind: 'set', peer: written });
    expect(result).toEqual({
      change: {
        kind: 'set',
        peer: {
          name: 'b',
          publicKey: PEER_KEY,
          presharedKey: new Uint8Array(32).fill(7),
          allowedIps: ['10.77.0.0/24', '2001:db8::1/128'],
          keepaliveSeconds: 25,
          endpoint: { family: 6, ip: '2001:db8::9', port: 51820 },
        },
      },
    });
    written.presharedKey.fill(0);
    expect(result).toMatchObject({ change: { peer: { presharedKey: new Uint8Array(32).fill(7) } } });
  });

  it('has the defaults of the rc file where the plugin leaves them out', () => {
    const { keepaliveSeconds: _, ...rest } = peer;
    expect(check({ kind: 'set', peer: rest })).toMatchObject({ change: { peer: { keepaliveSeconds: 25 } } });
    const plain = { ...rest, endpoint: { ip: '192.0.2.9', port: 51820 } };
    expect(check({ kind: 'set', peer: plain })).toMatchObject({ change: { peer: { keepaliveSeconds: 0 } } });
  });

  it.each([
    ['set', { kind: 'set', peer: { publicKey: PUBLIC_KEY } }],
    ['removed', { kind: 'remove', publicKey: PUBLIC_KEY }],
  ])('that speaks of ourselves is known as such, %s', (_, change) => {
    expect(check(change)).toEqual({ own: true });
  });

  const named = `peer "b" (${PEER_KEY})`;
  it.each<[string, unknown, string, string]>([
    ['nothing', undefined, 'a change of a peer', 'found undefined'],
    ['null', null, 'a change of a peer', 'found null'],
    ['text', 'set', 'a change of a peer', 'found "set"'],
    ['a list', [], 'a change of a peer', 'found a list'],
    ['an unknown kind', { kind: 'add', peer }, 'a change of a peer', 'expected `kind` set or remove, found "add"'],
    ['no peer', { kind: 'set' }, 'a change of a peer', 'found undefined'],
    ['a getter that throws', throwing('kind'), 'a change of a peer', 'it throws when it is read'],
    ['a peer whose getter throws', { kind: 'set', peer: throwing('name') }, 'a change of a peer', 'throws'],
    ['no allowed IPs', set({ allowedIps: undefined }), named, 'expected `allowedIps` to be a list, found undefined'],
    ['allowed IPs as text', set({ allowedIps: '10.0.0.0/8' }), named, 'found "10.0.0.0/8"'],
    ['a broken CIDR', set({ allowedIps: ['10.0.0.0/33'] }), named, 'found "10.0.0.0/33"'],
    ['a CIDR that is none', set({ allowedIps: [{}] }), named, 'found a object'],
    ['allowed IPs without end', set({ allowedIps: Array(20_000).fill('10.0.0.1/32') }), named, 'found 20000'],
    ['no name', set({ name: undefined }), `a peer (${PEER_KEY})`, 'found undefined'],
    ['a name that moves the cursor', set({ name: 'b\u001b[2J' }), `peer "b [2J" (${PEER_KEY})`, 'found "b [2J"'],
    ['a name with a direction override', set({ name: 'b\u202e' }), `peer "b " (${PEER_KEY})`, 'without white space'],
    ['no key', set({ publicKey: undefined }), 'peer "b"', 'found undefined'],
    ['a key that is none', set({ publicKey: `${PEER_KEY}=` }), 'peer "b"', 'found text of 45 characters'],
    ['a key of small order', set({ publicKey: `${'A'.repeat(43)}=` }), `peer "b" (${'A'.repeat(43)}=)`, 'small order'],
    ['an endpoint as text', set({ endpoint: '192.0.2.9:1' }), named, 'found "192.0.2.9:1"'],
    [
      'an endpoint with a name',
      set({ endpoint: { ip: 'host.example', port: 1 } }),
      named,
      'found "host.example" and 1',
    ],
    ['an endpoint without a port', set({ endpoint: { ip: '192.0.2.9', port: NaN } }), named, 'NaN'],
    ['port 0', set({ endpoint: { ip: '192.0.2.9', port: 0 } }), named, 'and 0'],
    ['a port alone', set({ endpoint: { port: 5 } }), named, 'found undefined and 5'],
    ['a keepalive below nothing', set({ keepaliveSeconds: -1 }), named, 'found -1'],
    ['a keepalive of more than 16 bits', set({ keepaliveSeconds: 65_536 }), named, 'found 65536'],
    ['a keepalive as text', set({ keepaliveSeconds: '25' }), named, 'found "25"'],
    ['half a second', set({ keepaliveSeconds: 0.5 }), named, 'found 0.5'],
    ['a short preshared key', set({ presharedKey: new Uint8Array(31) }), named, 'not shown'],
    ['the removal of nobody', { kind: 'remove' }, 'a change of a peer', 'found undefined'],
  ])('%s is refused by name, with what was expected', (_, change, subject, why) => {
    expect(check(change)).toMatchObject({ subject, why: expect.stringContaining(why) });
  });

  it.each([0, 65_535])('may have a keepalive of %d s', (keepaliveSeconds) => {
    expect(check(set({ keepaliveSeconds }))).toMatchObject({ change: { peer: { keepaliveSeconds } } });
  });

  it('never shows what may be a secret in the wrong place', () => {
    const secret = `${OTHER_PEER_KEY}x`;
    expect(JSON.stringify(check(set({ publicKey: secret, presharedKey: secret })))).not.toContain(OTHER_PEER_KEY);
    expect(JSON.stringify(check(set({ presharedKey: secret })))).not.toContain(OTHER_PEER_KEY);
  });
});
