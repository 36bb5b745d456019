import type { Counters, LocalAddress, ServerNeeds } from '@wirepath/core/plugin';
import { RequestAdmission } from './request-admission.js';
import { AllocationTable } from './allocation-table.js';
import type { ServerDropReason } from './drop-reason.js';
import { LongTermCredentials } from './long-term-credentials.js';
import { MachineAddresses, type InterfaceAddresses } from './machine-addresses.js';
import { relayRoom, type RelayRoom } from './open-files.js';
import { PeerPolicy } from './peer-policy.js';
import { RelayedTraffic } from './relayed-traffic.js';
import type { RelayMistakes } from './relay-mistakes.js';
import { RelayInterfaces } from './relay-interfaces.js';
import { RelayPorts } from './relay-ports.js';
import { endpointKey } from './endpoint-key.js';
import { DEFAULT_MAX_ALLOCATIONS, DEFAULT_REALM, DEFAULT_RELAY_PORTS, type TurnOptions } from './server-options.js';
import type { StrangerLimits } from './stranger-limits.js';
import { TurnServer } from './turn-server.js';
import type { UdpSockets } from './udp/udp-network.js';
import { parseUsersFile } from './users-file.js';

export interface TurnServiceEdges {
  readonly sockets: UdpSockets;
  readonly drops: Counters<ServerDropReason>;
  readonly limits: StrangerLimits;
  readonly mistakes: RelayMistakes;
  /** Ports of all listening sockets. */
  readonly listeningPorts: ReadonlySet<number>;
  /** @default those of the system */
  readonly addresses?: InterfaceAddresses | undefined;
  readonly local: () => readonly LocalAddress[];
  /** How many files this process may have open; undefined where the system does not say. */
  readonly openFiles: number | undefined;
}

/** The parts of the TURN server, put together for one `server.turn` section. */
export class TurnService {
  readonly server: TurnServer;
  readonly traffic: RelayedTraffic;
  readonly table = new AllocationTable();
  readonly #needs: ServerNeeds;
  readonly #credentials: LongTermCredentials;
  readonly #openFiles: number | undefined;
  #options: TurnOptions;

  constructor(
    needs: ServerNeeds,
    options: TurnOptions,
    { sockets, drops, limits, mistakes, listeningPorts, addresses, local, openFiles }: TurnServiceEdges,
  ) {
    const { clock, random, logger, guard } = needs;
    this.#needs = needs;
    this.#openFiles = openFiles;
    this.#options = options;
    const interfaces = new RelayInterfaces(options, local);
    const own = new MachineAddresses(clock, interfaces.advertised, addresses);
    const isOwn = (ip: string) => own.has(ip);
    const { table } = this;
    this.#credentials = new LongTermCredentials(options.realm ?? DEFAULT_REALM);
    this.traffic = new RelayedTraffic({
      clock,
      random,
      guard,
      outbox: sockets.outbox,
      table,
      drops,
      mistakes,
      isListening: (ip, port) => listeningPorts.has(port) && isOwn(ip),
    });
    this.server = new TurnServer({
      clock,
      random,
      logger,
      guard,
      drops,
      admission: new RequestAdmission({ random, credentials: this.#credentials, limits, mistakes }),
      table,
      traffic: this.traffic,
      own,
      mistakes,
      userCount: () => this.#credentials.userCount,
      policy: new PeerPolicy({
        allowPeers: options.allowPeers ?? [],
        denyPeers: options.denyPeers ?? [],
        isOwn,
        isRelayed: ({ ip, port }) => table.ofRelayed(endpointKey(ip, port)) !== undefined,
      }),
      ports: new RelayPorts({ interfaces, range: options.relayPorts ?? DEFAULT_RELAY_PORTS, sockets, random }),
      ...limitsOf(options, openFiles),
    });
  }

  /** What there is room for. */
  get room(): RelayRoom {
    return relayRoom(this.#openFiles, maxAllocationsOf(this.#options));
  }

  problems(): string[] {
    const { allocations } = this.room;
    const maxAllocations = maxAllocationsOf(this.#options);
    if (allocations === maxAllocations) return [];
    return [
      `turn: the files that this process may have open (${this.#openFiles}) are enough for ${allocations} allocations, and turn.maxAllocations is ${maxAllocations}: raise that limit (LimitNOFILE of the unit, \`ulimit -n\`)`,
    ];
  }

  /**
   * Takes over users and limits, at the start and when the rc file was read again.
   * @throws CodedError CONFIG when `usersFile` or `secretsFile` cannot be read.
   */
  async configure(options: TurnOptions): Promise<void> {
    const users = new Map(Object.entries(options.users ?? {}));
    if (options.usersFile !== undefined) {
      const path = this.#needs.files.resolve(options.usersFile);
      for (const [name, secret] of parseUsersFile(await this.#needs.files.readSecret(path), path))
        users.set(name, secret);
    }
    const secrets = [...(options.secrets ?? [])];
    if (options.secretsFile !== undefined) {
      const text = await this.#needs.files.readSecret(this.#needs.files.resolve(options.secretsFile));
      secrets.push(
        ...text
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => line !== '' && !line.startsWith('#')),
      );
    }
    this.#credentials.setUsers(users);
    this.#credentials.setSharedSecrets(secrets);
    this.#options = options;
    this.server.setLimits(limitsOf(options, this.#openFiles));
    this.traffic.setMaxBitsPerSecond(options.maxBitsPerSecond);
    if (users.size + secrets.length === 0) this.#needs.logger.warn('turn: there are no users, so nobody can relay');
  }
}

function maxAllocationsOf({ maxAllocations = DEFAULT_MAX_ALLOCATIONS }: TurnOptions): number {
  return maxAllocations;
}

function limitsOf(options: TurnOptions, openFiles: number | undefined) {
  const maxAllocations = maxAllocationsOf(options);
  const { allocations } = relayRoom(openFiles, maxAllocations);
  return { maxAllocations: allocations, quotaPerUser: options.quotaPerUser ?? maxAllocations };
}
