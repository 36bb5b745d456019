import {
  NAT_DEPENDENCES,
  formatAddress,
  socketPath,
  transportAddress,
  type CandidateSource,
  type Datagrams,
  type GatherContext,
  type GatheredCandidate,
} from '@wirepath/core';
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import type { ConformanceCheck } from './conformance-check.js';
import { hostileDatagrams } from './hostile-datagrams.js';
import { withoutIo } from './io-free.js';
import { observeDatagrams } from './observed-datagrams.js';
import { checksFrom, type SetUp } from './check-run.js';
import { checkWatch } from './watch-rule.js';

export interface CandidateSourceSubject {
  create(): CandidateSource;
  /** The transport's sockets; left out: none (a transport that does not own its socket). */
  readonly datagrams?: Datagrams;
  /** What it must find at least, such as `{ type: 'host', address: '192.0.2.1:51820' }`; left out: nothing in particular. */
  readonly expected?: readonly { readonly type: GatheredCandidate['type']; readonly address?: string }[];
  /** Changes what there is to be found, where the factory can: `watch` must call back then. */
  change?(): void | Promise<void>;
}

const NEVER = new AbortController().signal;

/** The rules of {@link CandidateSource}. */
export function candidateSourceConformance(setUp: SetUp<CandidateSourceSubject>): ConformanceCheck[] {
  return checksFrom(setUp, {
    'construction does no I/O': async ({ subject, pendingTimers }) => {
      withoutIo(() => subject.create(), pendingTimers);
    },
    'finds what it must, each well-formed': async (run) => {
      const { subject } = run;
      const found = await run.within(gather(subject, NEVER), 'gathering');
      for (const candidate of found) assertCandidate(candidate, subject.datagrams);
      for (const { type, address } of subject.expected ?? []) {
        const texts = found.map((one) => `${one.type} ${formatAddress(one.address)}`);
        const has = found.some(
          (one) => one.type === type && (address ?? formatAddress(one.address)) === formatAddress(one.address),
        );
        assert.ok(has, `no ${type} candidate ${address ?? ''}; found: ${texts.join(', ') || 'none'}`);
      }
    },
    'finds the same again, and for two who ask at once': async (run) => {
      const { subject } = run;
      const source = subject.create();
      const texts = (found: GatheredCandidate[]) => found.map(describe).sort();
      const [first, second] = await run.within(
        Promise.all([gather(subject, NEVER, source), gather(subject, NEVER, source)]),
        'gathering',
      );
      assert.deepEqual(texts(second), texts(first));
      assert.deepEqual(texts(await run.within(gather(subject, NEVER, source), 'gathering again')), texts(first));
    },
    'leaves no listener and no timer when it is done': async (run) => {
      const { subject } = run;
      const observed = subject.datagrams && observeDatagrams(subject.datagrams);
      const bases = subject.datagrams?.bases.length;
      const found = await run.within(
        gather({ ...subject, ...(observed && { datagrams: observed.datagrams }) }, NEVER, subject.create()),
        'gathering',
      );
      // A socket that a candidate is based on has to stay: `stop` closes it.
      const own = new Set(found.flatMap(({ base }) => (base === undefined || base.shared ? [] : [base.id])));
      assert.equal(observed?.listeners() ?? 0, 0, 'it still listens to the sockets');
      assert.equal(
        subject.datagrams?.bases.length,
        bases === undefined ? bases : bases + own.size,
        'it left a socket open',
      );
      await run.assertNoTimers();
    },
    'stop takes back what it holds: before a gather, after one, and again': async (run) => {
      const { subject } = run;
      const bases = subject.datagrams?.bases.length;
      const source = subject.create();
      await run.within(source.stop?.() ?? Promise.resolve(), 'stop before gathering');
      await run.within(gather(subject, NEVER, source), 'gathering');
      await run.within(source.stop?.() ?? Promise.resolve(), 'stop');
      await run.within(source.stop?.() ?? Promise.resolve(), 'a second stop');
      assert.equal(subject.datagrams?.bases.length, bases, 'it left a socket open');
      await run.assertNoTimers();
    },
    'an abort ends it soon, without an error': async (run) => {
      const { subject } = run;
      const observed = subject.datagrams && observeDatagrams(subject.datagrams, { silent: true });
      const controller = new AbortController();
      const gathering = gather(
        { ...subject, ...(observed && { datagrams: observed.datagrams }) },
        controller.signal,
        subject.create(),
      );
      await run.world.time.advance(1);
      controller.abort();
      let done = false;
      const ended = gathering.then(() => (done = true));
      ended.catch(() => undefined);
      // No time passes: nothing but the abort can have ended it.
      for (let turn = 0; turn < 100 && !done; turn += 1) await run.world.time.advance(0);
      await run.within(ended, 'the end');
      assert.ok(done, 'it went on after the abort');
      assert.equal(observed?.listeners() ?? 0, 0, 'it still listens to the sockets');
      await run.assertNoTimers();
    },
    'an abort before it began ends it at once': async (run) => {
      const found = await run.within(gather(run.subject, AbortSignal.abort()), 'gathering');
      assert.deepEqual(found, []);
      await run.assertNoTimers();
    },
    'who leaves the loop leaves nothing behind': async (run) => {
      const { subject } = run;
      const observed = subject.datagrams && observeDatagrams(subject.datagrams);
      const source = subject.create();
      const leaving = (async () => {
        for await (const _ of source.gather(contextOf(observed, NEVER))) break;
      })();
      await run.within(leaving, 'the first candidate');
      assert.equal(observed?.listeners() ?? 0, 0, 'it still listens to the sockets');
      await run.assertNoTimers();
    },
    'without sockets it ends, with or without an error': async (run) => {
      const source = run.subject.create();
      await run.settled(gather({ create: () => source }, NEVER), 'gathering without sockets');
      await run.assertNoTimers();
    },
    'survives hostile datagrams, and finds nothing in them': async (run) => {
      const { subject, world } = run;
      const { datagrams } = subject;
      if (datagrams === undefined) return;
      const expected = (await run.within(gather(subject, NEVER), 'gathering')).map(describe).sort();
      const observed = observeDatagrams(datagrams);
      const gathering = gather({ ...subject, datagrams: observed.datagrams }, NEVER, subject.create());
      gathering.catch(() => undefined);
      await world.time.advance(0);
      // From strangers, and from whomever it asked.
      for (const base of datagrams.bases) {
        const stranger = socketPath(base, transportAddress(base.family === 4 ? '203.0.113.66' : '2001:db8::66', 3478));
        for (const path of [
          stranger,
          ...observed.sentTo().filter((sent) => sent.kind === 'socket' && sent.base === base),
        ]) {
          for (const bytes of hostileDatagrams(world.random)) datagrams.receive(path, bytes);
        }
      }
      const found = await run.within(gathering, 'gathering');
      assert.deepEqual(found.map(describe).sort(), expected);
    },
    'refresh says that nothing changed while nothing did': async (run) => {
      const { subject } = run;
      const source = subject.create();
      if (source.refresh === undefined) return;
      await run.within(gather(subject, NEVER, source), 'gathering');
      const changed = await run.within(source.refresh(contextOf(subject, NEVER)), 'refresh');
      assert.equal(changed, false);
      await run.assertNoTimers();
    },
    'watch calls back on a change, and not once it is disposed': async (run) => {
      const source = run.subject.create();
      const watch = source.watch?.bind(source);
      if (watch !== undefined) await checkWatch(run, watch);
    },
    'what it says of the NAT is in the terms of RFC 4787': async (run) => {
      const source = run.subject.create();
      await run.within(gather(run.subject, NEVER, source), 'gathering');
      const behavior = source.natBehavior?.();
      const terms: readonly unknown[] = [...NAT_DEPENDENCES, null];
      for (const term of behavior === undefined ? [] : [behavior.mapping, behavior.filtering])
        assert.ok(terms.includes(term), String(term));
    },
  });
}

function contextOf(subject: { readonly datagrams?: Datagrams } | undefined, signal: AbortSignal): GatherContext {
  const datagrams = subject?.datagrams;
  return { signal, datagrams, listenPort: datagrams?.bases.find(({ shared }) => shared)?.port };
}

async function gather(
  subject: CandidateSourceSubject,
  signal: AbortSignal,
  source = subject.create(),
): Promise<GatheredCandidate[]> {
  const found: GatheredCandidate[] = [];
  for await (const candidate of source.gather(contextOf(subject, signal))) found.push(candidate);
  return found;
}

const describe = ({ type, address, base }: GatheredCandidate) => `${type} ${formatAddress(address)} ${base?.id ?? ''}`;

function assertCandidate({ type, address, base, localPreference }: GatheredCandidate, datagrams?: Datagrams): void {
  const text = `${type} ${formatAddress(address)}`;
  assert.ok(
    type === 'host' || type === 'server-reflexive' || type === 'relayed',
    `${text}: not a type that is gathered`,
  );
  assert.equal(isIP(address.ip), address.family, `${text}: no IP of its family`);
  assert.ok(Number.isInteger(address.port) && address.port > 0 && address.port < 65536, `${text}: no port`);
  if (localPreference !== undefined)
    assert.ok(
      Number.isInteger(localPreference) && localPreference >= 0 && localPreference < 65536,
      `${text}: localPreference`,
    );
  if (base !== undefined)
    assert.ok(
      datagrams?.bases.some(({ id }) => id === base.id),
      `${text}: its base is no socket of the transport`,
    );
}
