/**
 * Tests for authors of wirepath plugins: conformance suites for every contract, fakes that are small products of their own,
 * and a virtual network with NATs. No node, no socket, no real time.
 *
 * ```ts
 * import { runConformance, signalingConformance } from '@wirepath/testkit';
 * import { it } from 'vitest';
 *
 * runConformance(
 *   signalingConformance(({ clock }) => {
 *     const broker = new MyBroker();
 *     const node = (publicKey: string) => ({ publicKey, create: () => new MySignaling({ broker, publicKey, clock }) });
 *     return { nodes: [node(KEY_A), node(KEY_B)], dispose: () => broker.close() };
 *   }),
 *   it,
 * );
 * ```
 *
 * @packageDocumentation
 */
export { FakeClock, memoryLogger, silentLogger, type MemoryLogger } from '@wirepath/core';
export { runConformance, type ConformanceCheck } from './conformance/conformance-check.js';
export type { ConformanceWorld, SetUp } from './conformance/check-run.js';
export { candidateSourceConformance, type CandidateSourceSubject } from './conformance/candidate-source.js';
export { egressConformance, type EgressSubject } from './conformance/egress.js';
export { peerDiscoveryConformance, type PeerDiscoverySubject } from './conformance/peer-discovery.js';
export { pluginConformance, type PluginSubject } from './conformance/plugin.js';
export { relayConformance, type RelayPeer, type RelaySubject } from './conformance/relay.js';
export { transportConformance, type TransportNode, type TransportSubject } from './conformance/transport.js';
export { serviceConformance, type ServiceSubject } from './conformance/service.js';
export { signalingConformance, type SignalingNode, type SignalingSubject } from './conformance/signaling.js';
export { MemorySignalingHub, type MemorySignalingOptions } from './fakes/memory-signaling.js';
export { StaticEgress } from './fakes/static-egress.js';
export { StaticNode, type StaticPeer } from './fakes/static-node.js';
export { StaticOutside } from './fakes/static-outside.js';
export { StaticPeers } from './fakes/static-peers.js';
export { SeededRandom } from './random.js';
export { VirtualTime } from './network/virtual-time.js';
export { VirtualNetwork, type HostSettings } from './network/virtual-network.js';
export { VirtualHost, type VirtualSocket } from './network/virtual-host.js';
export { NATS, type NatSettings } from './network/nat-settings.js';
export { NatRouter, type RouterSettings } from './network/nat-router.js';
export { VirtualDatagrams, type VirtualDatagramsOptions } from './network/virtual-datagrams.js';
export { VirtualGateway, type VirtualGatewaySettings } from './network/virtual-gateway.js';
export { VirtualStunServer } from './network/virtual-stun-server.js';
export { VirtualRelayServer } from './network/virtual-relay-server.js';
export { MemoryRelay } from './fakes/memory-relay.js';
export { MemoryTransport, type MemoryTransportNeeds } from './fakes/memory-transport.js';
export { randomPlan, type Disturbance, type NetworkPlan, type SitePlan } from './simulator/plan/network-plan.js';
export { topologyOf, type Topology } from './simulator/plan/topology.js';
export { Oracle, type Verdict } from './simulator/plan/oracle.js';
export { Simulation, type TraceLine } from './simulator/simulation.js';
export { describePlan, runPlan, type PlanReport } from './simulator/check-plan.js';
export { measureIdlePeers, type IdlePeersOptions, type IdlePeersReport } from './simulator/idle-peers.js';
