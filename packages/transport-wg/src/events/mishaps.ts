import {
  formatAddress,
  ipText,
  Sightings,
  type Clock,
  type PublicKey,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { ipVersion, IPV4_DESTINATION, IPV6_DESTINATION } from '../protocol/ip-packet.js';
import type { HandshakeRefusal } from '../protocol/sink.js';

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

const OVERLOADED =
  'more handshakes come in than this node has time to look at, so most are dropped; tunnels that are up go on: somebody floods its UDP port, which a firewall before this node can limit (`tcpdump -ni any udp port` tells who)';

/** What went wrong lately and can mean somebody's mistake, in sentences with the cure. */
export class Mishaps {
  readonly #ofPeers: Sightings;
  readonly #ofHandshakes: Sightings;
  /** Whoever knows our key can make them: they must not crowd the others out. */
  readonly #ofStrangers: Sightings;
  readonly #ofSockets: Sightings;
  readonly #ofPackets: Sightings;

  /** @param nameOf a peer's, for people. */
  constructor(
    clock: Clock,
    readonly nameOf: (publicKey: PublicKey) => string | undefined,
  ) {
    this.#ofPeers = new Sightings(clock);
    this.#ofHandshakes = new Sightings(clock);
    this.#ofStrangers = new Sightings(clock);
    this.#ofSockets = new Sightings(clock);
    this.#ofPackets = new Sightings(clock);
  }

  /** @param source 4 or 16 bytes: where its packet says that it comes from. */
  sourceNotAllowed(publicKey: PublicKey, source: Uint8Array): void {
    // The bytes are the packet's, which is gone by then.
    const from = Uint8Array.from(source);
    this.#ofPeers.see(
      publicKey,
      () =>
        `${this.#name(publicKey)} sends packets from ${ipText(from)}, which its allowedIps here do not have, so they are dropped: add that address there, or mend its addresses`,
    );
  }

  /** @param publicKey of who sends it, as far as it says. */
  handshakeRefused(why: HandshakeRefusal, publicKey: PublicKey | undefined, from: TransportAddress): void {
    const at = () => formatAddress(from);
    if (why === 'other-key' || publicKey === undefined) {
      const sentence = () =>
        `${at()} sends handshakes for another public key than that of this node: compare it with publicKey of this node there`;
      return this.#ofStrangers.see(at(), sentence);
    }
    if (why === 'unknown-peer') {
      const sentence = () =>
        `${publicKey} calls this node from ${at()}, and is no peer here: if it is one of yours, add it to peers here`;
      return this.#ofStrangers.see(publicKey, sentence);
    }
    const cure =
      why === 'preshared-key'
        ? 'its answers to our handshakes cannot be opened: presharedKey is not the same on both sides, or only one has it'
        : 'its handshakes are older than one that it sent before, so they are dropped: its clock was ahead, or is behind now; set it, then restart this node';
    this.#ofHandshakes.see(publicKey, () => `${this.#name(publicKey)}: ${cure}`);
  }

  /** More handshakes come in than there is time for. */
  overloaded(): void {
    this.#ofSockets.see('overload', () => OVERLOADED);
  }

  shookHands(publicKey: PublicKey): void {
    this.#ofHandshakes.settle(publicKey);
    this.#ofStrangers.settle(publicKey);
  }

  /** No peer has the packet's destination. */
  noPeerFor(packet: Uint8Array): void {
    const destination = destinationOf(packet);
    const [first = 0] = destination;
    // Systems send to groups and to everybody on any interface: nobody's mistake.
    if (destination.length === 4 ? first >= 224 || destination[3] === 255 : first === 0xff) return;
    const to = Uint8Array.from(destination);
    this.#ofPackets.see(
      'no peer',
      () => `packets to ${ipText(to)} are dropped, for no peer has it among its allowedIps: add it to those of a peer`,
    );
  }

  /** A datagram of ours was routed into the tunnel. @param firewallMark that it carries. */
  looped(packet: Uint8Array, firewallMark: number): void {
    const to = Uint8Array.from(destinationOf(packet));
    const mark = `0x${firewallMark.toString(16)}`;
    this.#ofPackets.see(
      'loop',
      () =>
        `datagrams of ours to ${ipText(to)} are sent into the tunnel instead of out, and are dropped: a rule or a route of another program takes no heed of our firewall mark ${mark}, or changes it (\`ip route get ${ipText(to)} mark ${mark}\`)`,
    );
  }

  /** @param code of the system. */
  sendFailed(code: string | undefined): void {
    const cure = code === undefined ? undefined : SEND_CURES[code];
    if (code !== undefined && cure !== undefined) this.#ofSockets.see(code, () => cure);
  }

  forget(publicKey: PublicKey): void {
    for (const sightings of [this.#ofPeers, this.#ofHandshakes, this.#ofStrangers]) sightings.settle(publicKey);
  }

  problems(): string[] {
    const all = [this.#ofSockets, this.#ofPeers, this.#ofHandshakes, this.#ofStrangers, this.#ofPackets];
    return all.flatMap((sightings) => sightings.problems());
  }

  #name(publicKey: PublicKey): string {
    return this.nameOf(publicKey) ?? publicKey;
  }
}

/** 4 or 16 bytes, of the packet's own. */
function destinationOf(packet: Uint8Array): Uint8Array {
  return ipVersion(packet, 0, packet.length) === 4
    ? packet.subarray(IPV4_DESTINATION, IPV4_DESTINATION + 4)
    : packet.subarray(IPV6_DESTINATION, IPV6_DESTINATION + 16);
}
