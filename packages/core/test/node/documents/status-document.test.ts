import { describe, expect, it } from 'vitest';
import { statusDocument, type StatusSources } from '../../../src/node/documents/status-document.js';

/** A node without peers whose parts dropped what the test says. */
function droppedWhere(
  parts: Record<'transport' | 'traversal', Record<string, number>>,
  plugins: (Record<string, number> | undefined)[],
) {
  const nothing = () => [];
  const sources = {
    publicKey: 'A',
    interfaceName: null,
    traversal: {
      counters: () => parts.traversal,
      natBehavior: () => ({ mapping: null, filtering: null }),
      localCandidates: nothing,
      problems: nothing,
      relayStates: nothing,
      peers: nothing,
    },
    transport: { counters: () => parts.transport, stats: nothing, listenPort: undefined },
    counting: plugins.map((counters) => (counters === undefined ? {} : { counters: () => counters })),
    services: [],
    reporting: [{ counters: () => ({ 'failed.@acme/signal: publish': 5 }), problems: nothing }],
    signaling: [],
    nowMs: 0,
    since: () => 0,
  };
  return statusDocument(sources as unknown as StatusSources).node.dropped;
}

describe('what status says was dropped', () => {
  it('is what the transport, the traversal and every plugin that counts say, added up by reason', () => {
    const dropped = droppedWhere(
      { transport: { 'stun.unclaimed': 2, 'wireguard.mac1': 0 }, traversal: { 'check-forged': 1 } },
      [{ 'relay.unknown-peer': 3, 'relay.bad-integrity': 0 }, undefined, { 'relay.unknown-peer': 4 }],
    );
    expect(dropped).toEqual({
      'stun.unclaimed': 2,
      'check-forged': 1,
      'relay.unknown-peer': 7,
      'failed.@acme/signal: publish': 5,
    });
  });
});
