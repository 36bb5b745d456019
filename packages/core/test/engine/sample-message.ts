import type { CallMessage } from '../../src/engine/messages.js';

/** A peer that has told nothing yet. */
export const SAMPLE_MESSAGE: CallMessage = {
  runId: '0011223344556677',
  generation: 0,
  revision: 0,
  ufrag: 'abcd',
  password: 'abcdefghijklmnopqrstuvwx',
  candidates: [],
  natBehavior: { mapping: null, filtering: null },
  call: false,
  seen: null,
  asksForEvidence: false,
  evidence: null,
};
