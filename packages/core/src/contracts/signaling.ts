import type { PublicKey } from '../base/identity/identity.js';

export interface SignalingState {
  /** Without credentials. */
  readonly url: string;
  readonly state: 'up' | 'connecting' | 'down';
  /** Unix ms of the last change of state. */
  readonly sinceMs: number;
  /** Why it is not up, in one line. */
  readonly error?: string;
}

/** Carries opaque sealed bytes to a peer by its public key. It is trusted with nothing but delivery. */
export interface Signaling {
  start(options: { signal: AbortSignal }): Promise<void>;
  stop(): Promise<void>;
  /**
   * The rc file was read again, and says other options: takes them over without a restart, and keeps what is the same.
   * @param options output of the plugin's schema. @returns what of it takes a restart all the same, a clause each.
   */
  reload?(options: unknown): readonly string[] | undefined;
  /** The network may have changed: see at once whether the connection still lives, or try again now. */
  nudge?(): void;
  /** Best effort and bounded: what cannot be sent soon is dropped; the engine calls again. Never throws. */
  publish(to: PublicKey, sealed: Uint8Array): void;
  /** `from` is what the server says; only opening the seal proves it. The bytes are the listener's to keep. */
  onMessage(listener: (message: { from: PublicKey; sealed: Uint8Array }) => void): Disposable;
  states(): readonly SignalingState[];
  /** Called on every change of a state, and so when signalling comes up. */
  onStateChange(listener: (states: readonly SignalingState[]) => void): Disposable;
  /** The server says that `to` is not there: not proof, but worth telling the user. */
  onUndeliverable?(listener: (event: { to: PublicKey }) => void): Disposable;
  /** The server says that somebody whom we could not reach has come: worth calling again. */
  onAvailable?(listener: (event: { publicKey: PublicKey }) => void): Disposable;
}
