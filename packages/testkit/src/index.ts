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
export type { ConformanceWorld, SetUp } from './conformance/stage.js';
export { candidateSourceConformance, type CandidateSourceSubject } from './conformance/candidate-source.js';
export { peerDiscoveryConformance, type PeerDiscoverySubject } from './conformance/peer-discovery.js';
export { signalingConformance, type SignalingNode, type SignalingSubject } from './conformance/signaling.js';
export { MemorySignalingHub, type MemorySignalingOptions } from './fakes/memory-signaling.js';
export { StaticEgress } from './fakes/static-egress.js';
export { StaticPeers } from './fakes/static-peers.js';
export { SeededRandom } from './random.js';
