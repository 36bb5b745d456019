/** Inner IP packets in this process, in the place of a TUN device (demo, tests, embedding). */
export interface PacketPort {
  /** Hands an IP packet to the tunnel; routed by allowed IPs, dropped where there is no route. */
  send(packet: Uint8Array): void;
  /** Decrypted IP packets whose source the sender's allowed IPs permit. The bytes are the listener's to keep. */
  onPacket(listener: (packet: Uint8Array) => void): Disposable;
}
