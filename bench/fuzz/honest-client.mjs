/** A client of a STUN/TURN server as RFC 8489 has it: it asks again where nothing comes back, and answers a challenge once. */
import {
  decodeStunMessage,
  encodeChannelData,
  encodeStunMessage,
  longTermKey,
  transactionKey,
} from '@wirepath/stun-codec';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

/** RFC 8489, section 6.2.1, cut short: when a request is sent, and when it is given up. */
const SENT_AT_MS = [0, 500, 1500];
const GIVEN_UP_MS = 3500;

export class HonestClient {
  /** Times that a request was sent more than once. */
  repeated = 0;
  onChannelData = () => undefined;
  #socket;
  #server;
  #user;
  #nonce;
  #waiting = new Map();

  static async open(server, user, address) {
    const client = new HonestClient(server, user);
    await new Promise((resolve) => client.#socket.bind({ address, port: 0 }, resolve));
    return client;
  }

  constructor(server, user) {
    this.#server = server;
    this.#user = user;
    this.#socket = createSocket('udp4');
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (bytes) => {
      if ((bytes[0] & 0xc0) === 0x40) return this.onChannelData(bytes.subarray(4));
      const message = decodeStunMessage(bytes);
      if (message !== undefined) this.#waiting.get(message.transactionKey)?.(message);
    });
  }

  /** @returns whether it was answered with success. */
  async request(fields) {
    for (let challenges = 0; challenges < 2; challenges++) {
      const answer = await this.#exchange(fields);
      if (answer === undefined || answer.class === 'success') return answer !== undefined;
      if (answer.nonce === undefined) return false;
      this.#nonce = answer.nonce;
    }
    return false;
  }

  sendChannelData(channel, payload) {
    this.#send(encodeChannelData(channel, payload));
  }

  close() {
    this.#socket.close();
  }

  #exchange(fields) {
    const transactionId = randomBytes(12);
    const { username, realm, secret } = this.#user;
    const integrityKey = longTermKey(username, realm, secret);
    const signed =
      this.#nonce === undefined || fields.method === 'binding'
        ? {}
        : { username, realm, nonce: this.#nonce, integrityKey };
    const bytes = encodeStunMessage({ class: 'request', transactionId, ...signed, ...fields });
    const key = transactionKey(transactionId);
    return new Promise((resolve) => {
      const timers = SENT_AT_MS.map((ms, i) =>
        setTimeout(() => {
          if (i > 0) this.repeated += 1;
          this.#send(bytes);
        }, ms),
      );
      const end = (answer) => {
        for (const timer of timers) clearTimeout(timer);
        this.#waiting.delete(key);
        resolve(answer);
      };
      timers.push(setTimeout(end, GIVEN_UP_MS));
      this.#waiting.set(key, end);
    });
  }

  #send(bytes) {
    this.#socket.send(bytes, this.#server.port, this.#server.address);
  }
}
