import type { ActivePath } from './active-path.js';

/** Why a path is not trusted. */
export interface Silence {
  /** Its first probe went unanswered then, or the network changed under it. */
  readonly sinceMs: number;
  /** What was proven before says nothing of it now. */
  readonly networkChanged: boolean;
}

/** Where the path to one peer stands, as docs/path-engine.md draws it. */
export type Phase =
  /** The peer is called, and has not said where it is. */
  | { readonly name: 'calling' }
  /** It has; none of the pairs has answered yet. */
  | { readonly name: 'checking' }
  /** The budget is over without a path. `lost`: one was there, and may come back. */
  | { readonly name: 'unreachable'; readonly lost: PhaseOf<'lost'> | undefined }
  /** A pair has answered; there is no session yet. */
  | { readonly name: 'proven'; readonly path: ActivePath }
  | { readonly name: 'connected'; readonly path: ActivePath }
  /** A probe went unanswered, or the network changed: what is sent goes on the fallbacks too. */
  | { readonly name: 'suspect'; readonly path: ActivePath; readonly silence: Silence }
  /** It said nothing for so long that another, or none, is better. */
  | { readonly name: 'lost'; readonly path: ActivePath; readonly silence: Silence };

export type PhaseName = Phase['name'];
type PhaseOf<N extends PhaseName> = Extract<Phase, { readonly name: N }>;

/** What leads from one phase to another. */
export type Happening =
  /** The peer has said for the first time where it is, or that it is elsewhere now. */
  | { readonly type: 'moved' }
  /** A path is wanted now. */
  | { readonly type: 'attempted' }
  | { readonly type: 'budget-over' }
  /** A pair has answered, and carries the traffic from now on. */
  | { readonly type: 'chosen'; readonly path: ActivePath }
  /** The path in use turned out to lead through our own tunnel. */
  | { readonly type: 'dropped' }
  | { readonly type: 'session' }
  /** The peer was restarted: its end of the session is gone. */
  | { readonly type: 'restarted' }
  /** A probe of the path in use went unanswered ... */
  | { readonly type: 'unanswered'; readonly now: number }
  /** ... and nothing was heard since, for too long. */
  | { readonly type: 'given-up'; readonly now: number }
  | { readonly type: 'network-changed'; readonly now: number }
  /** Something came in on the path in use that proves it. */
  | { readonly type: 'heard' };

export interface Known {
  /** The peer has said where it is. */
  readonly isDescribed: boolean;
  /** There is a session with its present run. */
  readonly hasSession: boolean;
}

/** The phase that follows; the same object where nothing does. */
export function nextPhase(phase: Phase, what: Happening, known: Known): Phase {
  const searching: Phase = { name: known.isDescribed ? 'checking' : 'calling' };
  const onPath = (path: ActivePath): Phase => ({ name: known.hasSession ? 'connected' : 'proven', path });
  const path = pathOf(phase);
  switch (what.type) {
    case 'moved':
      if (phase.name === 'calling') return searching;
      return phase.name === 'unreachable' ? (phase.lost ?? searching) : phase;
    case 'attempted':
      return phase.name === 'unreachable' ? (phase.lost ?? searching) : phase;
    case 'budget-over':
      if (phase.name === 'calling' || phase.name === 'checking') return { name: 'unreachable', lost: undefined };
      return phase.name === 'lost' ? { name: 'unreachable', lost: phase } : phase;
    case 'chosen':
      return onPath(what.path);
    case 'dropped':
      return path === undefined ? phase : searching;
    case 'session':
    case 'restarted':
      return phase.name === 'proven' || phase.name === 'connected' ? onPath(phase.path) : phase;
    case 'unanswered':
      if (phase.name !== 'proven' && phase.name !== 'connected') return phase;
      return { name: 'suspect', path: phase.path, silence: { sinceMs: what.now, networkChanged: false } };
    case 'given-up':
      return phase.name === 'suspect' ? { ...phase, name: 'lost' } : phase;
    case 'network-changed':
      return distrusted(phase, what.now);
    case 'heard':
      return path !== undefined && silenceOf(phase) !== undefined ? onPath(path) : phase;
  }
}

function distrusted(phase: Phase, now: number): Phase {
  if (phase.name === 'proven' || phase.name === 'connected')
    return { name: 'suspect', path: phase.path, silence: { sinceMs: now, networkChanged: true } };
  if (phase.name === 'suspect' || phase.name === 'lost') return onAnotherNetwork(phase);
  if (phase.name !== 'unreachable' || phase.lost === undefined) return phase;
  return { ...phase, lost: onAnotherNetwork(phase.lost) };
}

function onAnotherNetwork<P extends { readonly silence: Silence }>(phase: P): P {
  return { ...phase, silence: { ...phase.silence, networkChanged: true } };
}

/** The path that carries the traffic, or did until it went silent; undefined before one was proven. */
export function pathOf(phase: Phase): ActivePath | undefined {
  if (phase.name === 'unreachable') return phase.lost?.path;
  return phase.name === 'calling' || phase.name === 'checking' ? undefined : phase.path;
}

/** Undefined while the path is trusted, and where there is none. */
export function silenceOf(phase: Phase): Silence | undefined {
  if (phase.name === 'unreachable') return phase.lost?.silence;
  return phase.name === 'suspect' || phase.name === 'lost' ? phase.silence : undefined;
}

/** The path in use where nothing speaks against it. */
export function trustedPath(phase: Phase): ActivePath | undefined {
  return phase.name === 'proven' || phase.name === 'connected' ? phase.path : undefined;
}

/** Whether there is a path on which an answer may still be hoped for. */
export function isAlive(phase: Phase): boolean {
  return phase.name === 'proven' || phase.name === 'connected' || phase.name === 'suspect';
}
