import { createHash, createHmac } from 'node:crypto';
import type { Identity } from '@wirepath/core/plugin';
import { describe, expect, it } from 'vitest';
import { admissionProofs } from '../src/protocol/admission.js';
import { ClientSession } from '../src/protocol/client-session.js';
import { decodeFrame, encodeFrame, type Message } from '../src/protocol/message.js';
import { publicKeyBytes } from '../src/protocol/public-key.js';
import { DEFAULT_SERVER_LIMITS } from '../src/protocol/server-limits.js';
import { ServerSession } from '../src/protocol/server-session.js';
import { x25519KeyPair } from '../src/protocol/x25519.js';
import { seededRandom, testIdentity } from './support.js';

const RFC_7748 = {
  alicePrivate: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  alicePublic: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  bobPublic: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  shared: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
};
const URL_A = 'ws://203.0.113.10:7000/';
const URL_B = 'ws://203.0.113.66:7000/';
const random = seededRandom(3);

function serverSession(ownUrl = URL_A, serverKey = x25519KeyPair(random.bytes(32))): ServerSession {
  const challenge = random.bytes(32);
  const ownsUrl = (url: string) => url === ownUrl;
  return new ServerSession({ id: 1, levels: [], serverKey, challenge, ownsUrl, limits: DEFAULT_SERVER_LIMITS }, 0);
}

/** What an honest client that dialled `url` answers to a welcome. */
function registerFrame(identity: Identity, url: string, welcome: Uint8Array): Uint8Array {
  const session = new ClientSession({ url, identity, random });
  session.start(0);
  session.opened(0);
  const send = session.receive(welcome, 0).find((effect) => effect.kind === 'send');
  if (!send) throw new Error('no answer');
  return send.bytes;
}

const decoded = <T extends Message['type']>(frame: Uint8Array, type: T) => {
  const message = decodeFrame(frame);
  if (message?.type !== type) throw new Error(`not ${type}`);
  return message as Extract<Message, { type: T }>;
};

describe('admission', () => {
  const identity = testIdentity(random);

  it('lets in who holds the key', () => {
    const server = serverSession();
    const request = server.receive(registerFrame(identity, URL_A, server.welcome()), 1);
    expect(request).toMatchObject({ kind: 'register', publicKey: identity.publicKey });
  });

  it('is HKDF-SHA-256 as the specification spells it', () => {
    const [shared, clientKey, serverKey, challenge] = [1, 2, 3, 4].map((fill) => Buffer.alloc(32, fill)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    const hash = createHash('sha256')
      .update(Buffer.concat([clientKey, serverKey, challenge, Buffer.from(URL_A)]))
      .digest();
    const extracted = createHmac('sha256', 'rendezvous.v1 admission').update(shared).digest();
    const client = createHmac('sha256', extracted)
      .update(Buffer.concat([hash, Buffer.of(1)]))
      .digest();
    const server = createHmac('sha256', extracted)
      .update(Buffer.concat([client, hash, Buffer.of(2)]))
      .digest();
    const proofs = admissionProofs(shared, { clientKey, serverKey, challenge, url: URL_A });
    expect(Buffer.from(proofs.client).toString('hex')).toBe(client.toString('hex'));
    expect(Buffer.from(proofs.server).toString('hex')).toBe(server.toString('hex'));
  });

  it('agrees as in RFC 7748 6.1', () => {
    const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
    const alice = x25519KeyPair(Buffer.from(RFC_7748.alicePrivate, 'hex'));
    expect(hex(alice.publicKey)).toBe(RFC_7748.alicePublic);
    expect(hex(alice.agree(Buffer.from(RFC_7748.bobPublic, 'hex')))).toBe(RFC_7748.shared);
    expect(alice.agree(new Uint8Array(31))).toBeUndefined();
  });

  describe('refuses', () => {
    const other = testIdentity(random);
    const change = (frame: Uint8Array, fields: Partial<Extract<Message, { type: 'register' }>>) =>
      encodeFrame({ ...decoded(frame, 'register'), ...fields });

    it.each<[string, (server: ServerSession) => Uint8Array, string]>([
      [
        'a proof that was made on another connection (replay)',
        () => registerFrame(identity, URL_A, serverSession().welcome()),
        'badProof',
      ],
      [
        'a proof for the same server key and another challenge',
        (server) => {
          const welcome = decoded(server.welcome(), 'welcome');
          return registerFrame(identity, URL_A, encodeFrame({ ...welcome, challenge: random.bytes(32) }));
        },
        'badProof',
      ],
      [
        'a proof under another key',
        (server) =>
          change(registerFrame(identity, URL_A, server.welcome()), {
            clientKey: publicKeyBytes(other.publicKey)!,
          }),
        'badProof',
      ],
      [
        'a forged proof',
        (server) => change(registerFrame(identity, URL_A, server.welcome()), { proof: random.bytes(32) }),
        'badProof',
      ],
      [
        'the proof that the server would answer with (reflection)',
        (server) => {
          const welcome = decoded(server.welcome(), 'welcome');
          const clientKey = publicKeyBytes(identity.publicKey)!;
          const shared = identity.agree(welcome.serverKey)!;
          const proofs = admissionProofs(shared, { ...welcome, clientKey, url: URL_A });
          return encodeFrame({ type: 'register', clientKey, proof: proofs.server, url: URL_A });
        },
        'badProof',
      ],
      [
        'a proof that another server got for its own URL and passes on',
        (server) => registerFrame(identity, URL_B, server.welcome()),
        'foreignUrl',
      ],
      [
        'such a proof with our URL written over',
        (server) => change(registerFrame(identity, URL_B, server.welcome()), { url: URL_A }),
        'badProof',
      ],
      [
        'our URL in a form that is not canonical',
        (server) => registerFrame(identity, 'ws://203.0.113.10:7000', server.welcome()),
        'foreignUrl',
      ],
      [
        'a client key of small order, with which every secret is known',
        (server) => {
          const welcome = decoded(server.welcome(), 'welcome');
          const clientKey = new Uint8Array(32);
          const proofs = admissionProofs(new Uint8Array(32), { ...welcome, clientKey, url: URL_A });
          return encodeFrame({ type: 'register', clientKey, proof: proofs.client, url: URL_A });
        },
        'badProof',
      ],
      [
        'a message before the registration',
        () => encodeFrame({ type: 'publish', to: other.publicKey, sealed: Buffer.of(1) }),
        'violation',
      ],
      ['nothing that is a message', () => Buffer.of(0xff), 'violation'],
    ])('%s', (_name, frame, reason) => {
      const server = serverSession();
      expect(server.receive(frame(server), 1)).toMatchObject({ kind: 'close', reason });
    });
  });

  describe('the client', () => {
    const welcomed = () => {
      const session = new ClientSession({ url: URL_A, identity, random });
      session.start(0);
      session.opened(0);
      const server = serverSession();
      const register = session.receive(server.welcome(), 0).find((effect) => effect.kind === 'send');
      const request = server.receive(register!.bytes, 0);
      if (request.kind !== 'register') throw new Error('refused');
      return { session, answer: request.answer };
    };

    it('is up on the server’s proof', () => {
      const { session, answer } = welcomed();
      expect(session.receive(answer, 0)).toContainEqual({ kind: 'state', state: 'up', error: undefined });
    });

    it('hangs up on a wrong one', () => {
      const { session, answer } = welcomed();
      answer[5] = answer[5]! ^ 1;
      expect(session.receive(answer, 0)).toEqual([
        { kind: 'hang-up' },
        { kind: 'state', state: 'down', error: 'the server did not prove its key' },
      ]);
    });

    it('proves nothing to a key of small order', () => {
      const session = new ClientSession({ url: URL_A, identity, random });
      session.start(0);
      session.opened(0);
      const welcome = decoded(serverSession().welcome(), 'welcome');
      const effects = session.receive(encodeFrame({ ...welcome, serverKey: new Uint8Array(32) }), 0);
      expect(effects.map(({ kind }) => kind)).toEqual(['hang-up', 'state']);
    });
  });
});
