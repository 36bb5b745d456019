import { PluginPhases } from '@wirepath/core';
import { expect, it } from 'vitest';
import { fromFailure, toFailure } from '../src/control/failure.js';
import { ProcessHandler } from '../src/node/process-handler.js';
import { CommandError } from '../src/wording/command-error.js';

it('a coded error comes over the control socket as it is', () => {
  const error = new CommandError('PEER_NOT_FOUND', 'there is no peer x', { subject: 'x', advice: 'Check it.' });
  expect(fromFailure(toFailure(error))).toMatchObject({ ...error, message: error.message });
});

it('what has no code is a fault of the program', () => {
  expect(toFailure(new TypeError('x is not a function'))).toEqual({
    code: 'INTERNAL',
    message: 'x is not a function',
    subject: null,
    advice: null,
  });
});

it('a process that is asked before it is up says that it is starting', () => {
  const product = { name: 'wirepath', version: '1.0.0' };
  const handler = new ProcessHandler({ product, role: 'node', phases: new PluginPhases() });
  const ping = handler.methods.get('ping')!;
  expect(() => ping({}, { signal: new AbortController().signal })).toThrow(
    expect.objectContaining({ code: 'STARTING', message: 'the node is still starting' }) as Error,
  );
});
