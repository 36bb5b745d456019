import { createHmac, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { transportAddress, type TransportAddress } from '@wirepath/core/plugin';
import {
  decodeChannelData,
  decodeStunMessage,
  encodeChannelData,
  encodeRelayIndication,
  encodeStunMessage,
  longTermKey,
  StreamFrames,
  streamPadding,
  type StunMessage,
  type StunMessageFields,
} from '@wirepath/stun-codec';
import { settled, type MemoryNetwork } from './memory-network.js';

type Fields = Partial<StunMessageFields> & Pick<StunMessageFields, 'method'>;

/** A TURN client that does exactly what it is told, wrong things included. */
export class RawClient {
  readonly address: TransportAddress;
  /** Every message from the server. */
  readonly inbox: Buffer[] = [];
  username = 'lab';
  secret = 'secret';
  realm = 'lab';
  nonce: string | undefined;
  readonly #transmit: (bytes: Buffer) => void;

  static async open(
    network: Pick<MemoryNetwork, 'open' | 'send'>,
    server: TransportAddress,
    address: TransportAddress,
  ): Promise<RawClient> {
    const client = new RawClient((bytes) => network.send({ from: address, to: server, bytes }), address);
    await network.open(address, (bytes) => client.inbox.push(bytes));
    return client;
  }

  /** Over a connection; it reads as long as the stream is not paused. */
  static over(stream: Duplex, address: TransportAddress): RawClient {
    const client = new RawClient((bytes) => stream.write(Buffer.concat([bytes, streamPadding(bytes.length)])), address);
    const frames = new StreamFrames();
    stream.on('data', (bytes: Buffer) => client.inbox.push(...frames.push(bytes)));
    return client;
  }

  private constructor(transmit: (bytes: Buffer) => void, address: TransportAddress) {
    this.#transmit = transmit;
    this.address = address;
  }

  get key(): Buffer {
    return longTermKey(this.username, this.realm, this.secret);
  }

  async send(bytes: Uint8Array): Promise<void> {
    this.#transmit(Buffer.from(bytes));
    await settled();
  }

  encode(fields: Fields): Buffer {
    const signed = this.nonce === undefined ? {} : this.credentials(this.nonce);
    return encodeStunMessage({ class: 'request', transactionId: randomBytes(12), ...signed, ...fields });
  }

  credentials(nonce: string) {
    return { username: this.username, realm: this.realm, nonce, integrityKey: this.key };
  }

  /** Signs anew what was changed by hand after {@link encode}. */
  resign(bytes: Buffer): Buffer {
    createHmac('sha1', this.key)
      .update(bytes.subarray(0, -24))
      .digest()
      .copy(bytes, bytes.length - 20);
    return bytes;
  }

  /** Sends once and gives the answer to it, if there is one. */
  async exchange(bytes: Uint8Array): Promise<StunMessage | undefined> {
    const from = this.inbox.length;
    await this.send(bytes);
    return this.answerTo(bytes, from);
  }

  /** @param from in the inbox. */
  answerTo(bytes: Uint8Array, from = 0): StunMessage | undefined {
    const answers = this.inbox.slice(from).flatMap((answer) => decodeStunMessage(answer) ?? []);
    return answers.find(({ transactionId }) => transactionId.equals(bytes.subarray(8, 20)));
  }

  /** That of the last challenge. */
  takeNonce(): void {
    this.nonce = this.inbox.flatMap((bytes) => decodeStunMessage(bytes)?.nonce ?? []).at(-1);
  }

  /** As an honest client: takes up one challenge. */
  async request(fields: Fields): Promise<StunMessage> {
    let answer = await this.exchange(this.encode(fields));
    if (answer?.nonce !== undefined && answer.nonce !== this.nonce) {
      this.nonce = answer.nonce;
      answer = await this.exchange(this.encode(fields));
    }
    if (answer === undefined) throw new Error(`${String(fields.method)} was not answered`);
    return answer;
  }

  async allocate(fields: Partial<StunMessageFields> = {}): Promise<StunMessage> {
    return this.request({ method: 'allocate', requestedTransport: 17, ...fields });
  }

  permit(...peerAddresses: TransportAddress[]): Promise<StunMessage> {
    return this.request({ method: 'create-permission', peerAddresses });
  }

  bindChannel(channelNumber: number, peer: TransportAddress): Promise<StunMessage> {
    return this.request({ method: 'channel-bind', channelNumber, peerAddresses: [peer] });
  }

  sendChannelData(channel: number, text: string): Promise<void> {
    return this.send(encodeChannelData(channel, Buffer.from(text)));
  }

  sendIndication(peer: TransportAddress, text: string): Promise<void> {
    return this.send(encodeRelayIndication('send', randomBytes(12), peer, Buffer.from(text)));
  }

  /** What peers have sent: text with the channel's number, or the peer's address. */
  get data(): string[] {
    return this.inbox.flatMap((bytes) => {
      const channelData = decodeChannelData(bytes);
      if (channelData !== undefined) return [`${channelData.channel.toString(16)} ${channelData.payload.toString()}`];
      const message = decodeStunMessage(bytes);
      const [peer] = message?.method === 'data' ? message.peerAddresses : [];
      return peer === undefined ? [] : [`${peer.ip}:${peer.port} ${message?.data?.toString() ?? ''}`];
    });
  }
}

export const at = transportAddress;
