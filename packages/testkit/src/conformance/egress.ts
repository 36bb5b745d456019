import { CodedError, type Egress } from '@wirepath/core';
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import type { ConformanceCheck } from './conformance-check.js';
import { withoutIo } from './io-free.js';
import { checksFrom, type SetUp } from './check-run.js';
import { checkWatch } from './watch-rule.js';

export interface EgressSubject {
  create(): Egress;
  /** Names of interfaces that it must find, best first; left out: none in particular. */
  readonly expected?: readonly string[];
  /** Changes the network, where the factory can: `watch` must call back then. */
  change?(): void | Promise<void>;
}

/** The rules of {@link Egress}. */
export function egressConformance(setUp: SetUp<EgressSubject>): ConformanceCheck[] {
  return checksFrom(setUp, {
    'construction does no I/O': async ({ subject, pendingTimers }) => {
      withoutIo(() => subject.create(), pendingTimers);
    },
    'finds what it must, each well-formed and none of it loopback': async (run) => {
      const { subject } = run;
      const found = await run.within(subject.create().detect(), 'detect');
      for (const { interfaceName, family, ip, evidence } of found) {
        assert.notEqual(interfaceName, '', 'an egress without an interface');
        assert.equal(isIP(ip.split('%')[0] ?? ''), family, `${interfaceName}: ${ip} is no IP of its family`);
        assert.ok(!ip.startsWith('127.') && ip !== '::1', `${interfaceName}: ${ip} leads nowhere`);
        assert.ok(['route', 'interface', 'connect'].includes(evidence), `${interfaceName}: ${evidence}`);
      }
      const names = found.map(({ interfaceName }) => interfaceName);
      if (subject.expected !== undefined) assert.deepEqual([...new Set(names)], subject.expected);
    },
    'finds the same again': async (run) => {
      const egress = run.subject.create();
      const [first, second] = await run.within(Promise.all([egress.detect(), egress.detect()]), 'detect');
      assert.deepEqual(second, first);
      await run.assertNoTimers();
    },
    'detect honours an abort that came before it': async (run) => {
      const detecting = run.subject.create().detect({ signal: AbortSignal.abort() });
      await run.settled(detecting, 'detect');
      await run.assertNoTimers();
    },
    'pinning to an interface that is not there fails, if it does, with a code that callers know': async (run) => {
      const socket = createSocket('udp4');
      try {
        await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
        run.subject.create().bindToDevice(socket, 'no-such-if0');
      } catch (error) {
        assert.ok(error instanceof CodedError, `not a CodedError: ${String(error)}`);
        assert.ok(['PERMISSION_DENIED', 'INTERFACE_NOT_FOUND'].includes(error.code), error.code);
      } finally {
        socket.close();
      }
    },
    'watch calls back on a change, and not once it is disposed': async (run) => {
      await checkWatch(run, (onChange) => run.subject.create().watch(onChange));
    },
  });
}
