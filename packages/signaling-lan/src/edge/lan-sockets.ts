import { openUdpSocket, reasonOf, type Guard, type Logger } from '@wirepath/core/plugin';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { LanAddress } from '../protocol/lan-peer.js';
import { DATAGRAM_BYTES, GROUP_4, GROUP_6 } from '../protocol/lan-v1.js';
import type { LanNetwork, LanNetworkEvents } from './lan-network.js';
import { linksOf, linkTo, type Link, type LinkChoice } from './links.js';

export interface LanSocketsNeeds {
  readonly guard: Guard;
  readonly logger: Logger;
}

export interface LanSocketsOptions extends LinkChoice {
  /** Of the groups. */
  readonly port: number;
  /** @default the system's */
  readonly read?: () => Link[];
}

/** Time to live: no router passes it on, neither a beacon nor an answer. */
const HOPS = 1;
const NO_LINK = 'no interface leads to a network here: connect one, or name it in `interfaces`';

/** For each family a socket that hears the group, and for each link one of its own that sends and is answered. */
export class LanSockets implements LanNetwork {
  readonly #needs: LanSocketsNeeds;
  readonly #options: LanSocketsOptions;
  readonly #listening = new Map<4 | 6, Socket>();
  readonly #open = new Map<string, { readonly link: Link; readonly socket: Socket }>();
  #events: LanNetworkEvents | undefined;
  #problem: string | undefined;
  /** Refreshes come one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(needs: LanSocketsNeeds, options: LanSocketsOptions) {
    this.#needs = needs;
    this.#options = options;
  }

  async start(events: LanNetworkEvents): Promise<void> {
    this.#events = events;
    await this.refresh();
  }

  refresh(): Promise<boolean> {
    const turn = this.#turn.then(() => this.#refresh());
    this.#turn = turn;
    return turn;
  }

  async stop(): Promise<void> {
    this.#events = undefined;
    await this.#turn;
    for (const id of [...this.#open.keys()]) this.#close(id);
    for (const socket of this.#listening.values()) socket.close();
    this.#listening.clear();
  }

  links(): readonly string[] {
    return [...this.#open.keys()];
  }

  problem(): string | undefined {
    return this.#problem;
  }

  multicast(bytes: Uint8Array): void {
    for (const { link, socket } of this.#open.values())
      this.#send(socket, bytes, this.#options.port, link.family === 4 ? GROUP_4 : `${GROUP_6}%${link.interfaceName}`);
  }

  send({ link, ip, port }: LanAddress, bytes: Uint8Array): void {
    const open = this.#open.get(link);
    if (open !== undefined) this.#send(open.socket, bytes, port, ip);
  }

  #send(socket: Socket, bytes: Uint8Array, port: number, ip: string): void {
    try {
      // A network that is gone says so here; it is looked at again, and the peer is looked for again.
      socket.send(
        bytes,
        port,
        ip,
        (error) => error && this.#needs.logger.trace('lan: not sent', { reason: error.message }),
      );
    } catch (error) {
      this.#needs.guard.failed('send', error);
    }
  }

  async #refresh(): Promise<boolean> {
    this.#problem = undefined;
    const links = this.#read();
    let hasChanged = false;
    for (const id of [...this.#open.keys()]) {
      if (links.some((link) => link.id === id)) continue;
      this.#close(id);
      hasChanged = true;
    }
    for (const link of links) {
      if (this.#events === undefined || this.#open.has(link.id)) continue;
      if (await this.#openLink(link)) hasChanged = true;
    }
    if (links.length === 0) this.#problem ??= NO_LINK;
    return hasChanged;
  }

  #read(): Link[] {
    try {
      return (this.#options.read ?? (() => linksOf(this.#options)))();
    } catch (error) {
      this.#problem = `the interfaces cannot be listed: ${reasonOf(error)}`;
      return [];
    }
  }

  async #openLink(link: Link): Promise<boolean> {
    const { guard, logger } = this.#needs;
    const isV4 = link.family === 4;
    const local = isV4 ? link.ip : `${link.ip}%${link.interfaceName}`;
    try {
      const listening = await this.#listen(link.family);
      const socket = await openUdpSocket({ family: link.family, address: local });
      const failed = (error: Error) => logger.debug('lan socket', { link: link.id, reason: error.message });
      socket.on('error', guard.wrap('socket error', failed));
      try {
        socket.setTTL(HOPS);
        socket.setMulticastTTL(HOPS);
        // Another node may run on this machine.
        socket.setMulticastLoopback(true);
        socket.setMulticastInterface(isV4 ? link.ip : `::%${link.interfaceName}`);
        this.#join(listening, link);
      } catch (error) {
        socket.close();
        throw error;
      }
      const received = (bytes: Buffer, { address, port }: RemoteInfo) =>
        this.#events?.frame(bytes, { link: link.id, ip: address, port });
      socket.on('message', guard.wrap('frame', received));
      this.#open.set(link.id, { link, socket });
      return true;
    } catch (error) {
      this.#problem = `${link.id}: ${reasonOf(error)}`;
      return false;
    }
  }

  #join(listening: Socket, { family, ip, interfaceName }: Link): void {
    try {
      if (family === 4) listening.addMembership(GROUP_4, ip);
      else listening.addMembership(GROUP_6, `::%${interfaceName}`);
    } catch (error) {
      // An address that went and came again within one look: it is a member still.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }

  /** Shared with other nodes of this machine, each of which hears every beacon. */
  async #listen(family: 4 | 6): Promise<Socket> {
    const known = this.#listening.get(family);
    if (known !== undefined) return known;
    const { guard, logger } = this.#needs;
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', reuseAddr: true, ipv6Only: family === 6 });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ port: this.#options.port, exclusive: true }, () => {
          socket.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.on(
      'error',
      guard.wrap('socket error', (error: Error) => logger.debug('lan socket', { reason: error.message })),
    );
    socket.on(
      'message',
      guard.wrap('beacon', (bytes: Buffer, from: RemoteInfo) => this.#heard(bytes, from)),
    );
    this.#listening.set(family, socket);
    return socket;
  }

  #heard(bytes: Buffer, { address, port }: RemoteInfo): void {
    if (bytes.length !== DATAGRAM_BYTES) return;
    const open = [...this.#open.values()].map(({ link }) => link);
    const link = linkTo(address, open);
    // Not of a network of ours: it could not be answered without a router.
    if (link !== undefined) this.#events?.beacon(bytes, { link: link.id, ip: address, port });
  }

  /** The membership ends with the interface's address; where that is still there, with the socket. */
  #close(id: string): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.socket.close();
    if (open === undefined) return;
    const { family, ip, interfaceName } = open.link;
    try {
      const listening = this.#listening.get(family);
      if (family === 4) listening?.dropMembership(GROUP_4, ip);
      else listening?.dropMembership(GROUP_6, `::%${interfaceName}`);
    } catch {
      // It went with the interface.
    }
  }
}
