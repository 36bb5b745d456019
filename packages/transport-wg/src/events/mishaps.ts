import { ipText, Sightings, type Clock, type PublicKey } from '@wirepath/core/plugin';

/** What the system says when it will not send, and what whoever runs this node can do about it; other codes come and go. */
const SEND_CURES: Readonly<Record<string, string>> = {
  EPERM:
    'a firewall on this machine forbids datagrams of ours (send: EPERM): let UDP out, from our port and with our firewall mark',
  EACCES:
    'this system forbids datagrams of ours (send: EACCES): look for a security module or a route of type prohibit',
  EMSGSIZE:
    'datagrams were too large for the path and are gone (send: EMSGSIZE): lower mtu in the rc file, by 80 from what the path takes',
  ENOBUFS: 'the network card takes no more datagrams (send: ENOBUFS): less traffic, or a longer queue of the interface',
};

/** What went wrong with datagrams lately and can mean somebody's mistake, in sentences with the cure. */
export class Mishaps {
  readonly #ofPeers: Sightings;
  readonly #ofSockets: Sightings;

  constructor(clock: Clock) {
    this.#ofPeers = new Sightings(clock);
    this.#ofSockets = new Sightings(clock);
  }

  /** @param name of the peer, for people. @param source 4 or 16 bytes: where its packet says that it comes from. */
  sourceNotAllowed(publicKey: PublicKey, name: string, source: Uint8Array): void {
    // The bytes are the packet's, which is gone by then.
    const from = Uint8Array.from(source);
    this.#ofPeers.see(
      publicKey,
      () =>
        `${name} sends packets from ${ipText(from)}, which its allowedIps here do not have, so they are dropped: add that address there, or mend its addresses`,
    );
  }

  /** @param code of the system. */
  sendFailed(code: string | undefined): void {
    const cure = code === undefined ? undefined : SEND_CURES[code];
    if (code !== undefined && cure !== undefined) this.#ofSockets.see(code, () => cure);
  }

  forget(publicKey: PublicKey): void {
    this.#ofPeers.settle(publicKey);
  }

  problems(): string[] {
    return [...this.#ofSockets.problems(), ...this.#ofPeers.problems()];
  }
}
