/**
 * Real NATs in Linux network namespaces, and real wirepath daemons behind them. Needs root, iproute2 and nftables.
 *
 * ```ts
 * import { connectPair } from '@wirepath/natlab';
 *
 * const { echoSeconds, connectionA } = await connectPair({ a: 'portcone', b: 'sym', relay: true });
 * ```
 *
 * @packageDocumentation
 */
export { Lab, type LabOptions } from './lab.js';
export { NAT_BEHAVIOR, NAT_KINDS, type NatKind, type UdpNatKind } from './network/nat-kind.js';
export { FIREWALLS, INSPECTION_PORT, type Firewall } from './network/firewall.js';
export { SERVER_ADDRESSES, type HostPlan, type SiteOptions, type SitePlan, type Sites } from './network/plan.js';
export { Daemon, type ProcessEnd } from './daemon.js';
export { MappingGateway, missingForMappingGateway, type MappingGatewayOptions } from './mapping-gateway.js';
export { Ping, type EchoReply, type PingReport } from './ping.js';
export { poll } from './poll.js';
export { hasProgram, missingForLab } from './requirements.js';
export { runProgram, tryProgram, type ProgramResult } from './run-program.js';
export { newKeyPair, type KeyPair } from './wirepath/keys.js';
export { type NodeRc, type RcPeer } from './wirepath/rc-file.js';
export { WirepathNode, type NodeOptions } from './wirepath/node.js';
export { type Connection, type ConnectionChange } from './wirepath/connection-log.js';
export { WirepathServer, type ServerOptions } from './wirepath/server.js';
export { expectedConnections, type ExpectedConnections } from './expected-connection.js';
export { Grid, GRID_KINDS, gridSite, HARD_NAT_MS, type CellOptions, type Explanations, type GridCell } from './grid.js';
export {
  connectPair,
  connectionOf,
  preparePair,
  startPair,
  type PairOptions,
  type PairResult,
  type PreparedPair,
} from './connect-pair.js';
