import { withoutIo, openedSince, openHandles } from './io-free.js';
import type { PluginService } from '@wirepath/core';
import assert from 'node:assert/strict';
import type { StaticNode } from '../fakes/static-node.js';
import type { ConformanceCheck } from './conformance-check.js';
import { checksFrom, type CheckRun, type SetUp } from './check-run.js';

export interface ServiceSubject {
  create(): PluginService;
  /** The node that it serves, where it asks for `status`, `peers` or `events`: it becomes another while the service runs. */
  readonly node?: StaticNode;
  /** Uses what it serves, while it runs, as its users do: throws where that is not right. */
  use?(): void | Promise<void>;
}

/** The rules of {@link PluginService}. */
export function serviceConformance(setUp: SetUp<ServiceSubject>): ConformanceCheck[] {
  return checksFrom(setUp, {
    'construction does no I/O': async ({ subject, pendingTimers }) => {
      withoutIo(() => subject.create(), pendingTimers);
    },
    'serves from start on, and as the node changes': async (run) => {
      const service = await started(run);
      await run.subject.use?.();
      run.subject.node?.set(PEER, { connection: 'direct' });
      run.subject.node?.remove(PEER.publicKey);
      await run.subject.use?.();
      await run.within(service.stop(), 'stop');
    },
    'stop leaves no timer, listener or socket behind': async (run) => {
      const before = openHandles();
      const service = await started(run);
      await run.subject.use?.();
      await run.within(service.stop(), 'stop');
      await assertNothingLeft(run, before);
    },
    'stop is safe before start, and again': async (run) => {
      const before = openHandles();
      await run.within(run.subject.create().stop(), 'stop before start');
      const service = await started(run);
      await run.within(Promise.all([service.stop(), service.stop()]), 'both stops');
      await run.within(service.stop({ failed: true }), 'a third stop');
      await assertNothingLeft(run, before);
    },
    'stop during start ends it': async (run) => {
      const before = openHandles();
      const service = run.subject.create();
      const starting = service.start({ signal: new AbortController().signal });
      await run.within(service.stop(), 'stop');
      await run.settled(starting, 'start');
      await run.within(service.stop(), 'stop');
      await assertNothingLeft(run, before);
    },
    'start honours an abort that came before it': async (run) => {
      const before = openHandles();
      const service = run.subject.create();
      await run.settled(service.start({ signal: AbortSignal.abort() }), 'start');
      await run.within(service.stop(), 'stop');
      await assertNothingLeft(run, before);
    },
    'problems are lines': async (run) => {
      const service = await started(run);
      for (const line of service.problems?.() ?? []) assert.ok(typeof line === 'string' && !line.includes('\n'), line);
      await run.within(service.stop(), 'stop');
    },
  });
}

const PEER = {
  name: 'passing',
  publicKey: 'rTQ9Fpdtj0wmmFBr4kGUxqXUYmZCVPVkwSiBqv+Yl3k=',
  allowedIps: ['10.77.0.9/32'],
  keepaliveSeconds: 25,
};

async function started(run: CheckRun<ServiceSubject>): Promise<PluginService> {
  const service = run.subject.create();
  await run.within(service.start({ signal: new AbortController().signal }), 'start');
  return service;
}

async function assertNothingLeft(run: CheckRun<ServiceSubject>, before: ReturnType<typeof openHandles>): Promise<void> {
  await run.assertNoTimers();
  assert.equal(run.subject.node?.listeners ?? 0, 0, 'it still listens to the node');
  await run.eventually(() => openedSince(before, openHandles()).length === 0, 'the end of what it opened');
}
