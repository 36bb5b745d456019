import { sourceLevels } from '@wirepath/core/plugin';
import { admissionProofs } from '../src/protocol/admission.js';
import { decodeFrame, encodeFrame } from '../src/protocol/message.js';
import { publicKeyBytes } from '../src/protocol/public-key.js';
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from '../src/protocol/server-limits.js';
import { Switchboard, type SwitchboardEffect } from '../src/protocol/switchboard.js';
import { seededRandom, testIdentity } from './support.js';

const URL = 'ws://203.0.113.10:7000/';

/** A switchboard, and honest or hostile clients that are no more than frames. */
export class Bench {
  nowMs = 0;
  readonly random = seededRandom(11);
  readonly switchboard: Switchboard;

  constructor(limits: Partial<ServerLimits> = {}) {
    this.switchboard = new Switchboard({
      limits: { ...DEFAULT_SERVER_LIMITS, ...limits },
      randomBytes: (length) => this.random.bytes(length),
    });
  }

  open(ip?: string) {
    const owns = (url: string) => url === URL;
    const { connection, effects } = this.switchboard.open(owns, this.nowMs, sourceLevels(ip));
    this.flush(effects);
    return { connection, effects, welcome: effects.flatMap(messages).find(({ type }) => type === 'welcome') };
  }

  register(identity = testIdentity(this.random), ip?: string) {
    const { connection, welcome } = this.open(ip);
    if (welcome?.type !== 'welcome') throw new Error('no welcome');
    const clientKey = publicKeyBytes(identity.publicKey)!;
    const proofs = admissionProofs(identity.agree(welcome.serverKey)!, { ...welcome, clientKey, url: URL });
    const frame = encodeFrame({ type: 'register', clientKey, proof: proofs.client, url: URL });
    const effects = this.switchboard.receive(connection, frame, this.nowMs);
    this.flush(effects);
    return { connection, identity, publicKey: identity.publicKey, effects, registerFrame: frame };
  }

  publish(from: { connection: number }, to: { publicKey: string }, sealed: Uint8Array = Buffer.from('x')) {
    const frame = encodeFrame({ type: 'publish', to: to.publicKey, sealed });
    return this.switchboard.receive(from.connection, frame, this.nowMs);
  }

  flush(effects: readonly SwitchboardEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.flush(this.switchboard.sent(effect.connection, effect.bytes.length, this.nowMs));
    }
  }
}

export function messages(effect: SwitchboardEffect) {
  const message = effect.kind === 'send' ? decodeFrame(effect.bytes) : undefined;
  return message ? [{ ...message, at: effect.kind === 'send' ? effect.connection : 0 }] : [];
}
